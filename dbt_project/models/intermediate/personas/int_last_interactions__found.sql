-- One row per changed user with an open episode: the latest visit or order in any line.
with

last_days as (

    select
        user_days.user_id,
        max(user_days.activity_date) as activity_date
    from {{ ref('int_user_days__tonight') }} as user_days
    where
        user_days.line_id = 'any'
        and (user_days.visit_count > 0 or user_days.order_count > 0)
    group by user_days.user_id

),

orders as (

    select
        user_id,
        ordered_date,
        ordered_at,
        order_id
    from {{ rows_of_users(ref('stg_landing__orders'), ref('int_lapsed_users__changed')) }} as orders
    where is_valid

),

visits as (

    select
        user_id,
        visited_date,
        visited_at,
        visit_id,
        action,
        object_type,
        object_id
    from {{ rows_of_users(ref('stg_landing__visits'), ref('int_lapsed_users__changed')) }} as visits

),

interactions as (

    select
        last_days.user_id,
        orders.ordered_at as interacted_at,
        1 as kind_number,
        orders.order_id as interaction_id,
        'order' as action,
        'order' as object_type,
        orders.order_id as object_id
    from last_days
    inner join orders
        on
            last_days.user_id = orders.user_id
            and last_days.activity_date = orders.ordered_date

    union all

    select
        last_days.user_id,
        visits.visited_at as interacted_at,
        2 as kind_number,
        visits.visit_id as interaction_id,
        visits.action,
        visits.object_type,
        visits.object_id
    from last_days
    inner join visits
        on
            last_days.user_id = visits.user_id
            and last_days.activity_date = visits.visited_date

),

-- At the same instant an order comes before a visit, then the greatest id.
ranked_interactions as (

    select
        user_id,
        interacted_at,
        action,
        object_type,
        object_id,
        row_number() over (
            partition by user_id
            order by interacted_at desc, kind_number, interaction_id desc
        ) as rank_number
    from interactions

)

select
    user_id,
    action,
    object_type,
    object_id,
    interacted_at
from ranked_interactions
where rank_number = 1
