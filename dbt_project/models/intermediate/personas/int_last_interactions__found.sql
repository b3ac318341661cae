-- One row per changed user with an open episode: the latest visit or order in any line.
-- depends_on: {{ ref('int_users__reread') }}
{{ config(post_hook='{{ analyze(this) }}') }}

with

lapsed_users as (

    select user_id
    from {{ ref('int_lapsed_users__changed') }}
    group by user_id

),

last_days_tonight as (

    select
        user_days.user_id,
        max(user_days.activity_date) as activity_date
    from {{ ref('int_user_days__tonight') }} as user_days
    inner join lapsed_users
        on user_days.user_id = lapsed_users.user_id
    where
        user_days.line_id = 'any'
        and (user_days.visit_count > 0 or user_days.order_count > 0)
    group by user_days.user_id

),

last_days as (

    select
        user_id,
        activity_date
    from last_days_tonight
    {%- if not is_full_rebuild() %}

        union all

        -- Whoever has no day tonight had the last one before, unless all of them were read again.
        select
            user_days.user_id,
            max(user_days.activity_date) as activity_date
        from lapsed_users
        inner join {{ yesterday('fct_user_days') }} as user_days
            on lapsed_users.user_id = user_days.user_id
        left join last_days_tonight
            on lapsed_users.user_id = last_days_tonight.user_id
        left join {{ ref('int_users__reread') }} as reread_users
            on lapsed_users.user_id = reread_users.user_id
        where
            user_days.line_id = 'any'
            and (user_days.visit_count > 0 or user_days.order_count > 0)
            and last_days_tonight.user_id is null
            and reread_users.user_id is null
        group by user_days.user_id
    {%- endif %}

),

last_sources as (

    select
        lapsed_sources.source_user_id,
        last_days.activity_date
    from last_days
    inner join {{ ref('int_lapsed_users__changed') }} as lapsed_sources
        on last_days.user_id = lapsed_sources.user_id

),

orders as (

    select
        orders.user_id,
        orders.ordered_at,
        orders.order_id
    from
        {{ rows_of_users(
            ref('stg_landing__orders'), 'last_sources',
            since='activity_date', date='ordered_date', instant='ordered_at'
        ) }} as orders
    where orders.is_valid

),

visits as (

    select
        visits.user_id,
        visits.visited_at,
        visits.visit_id,
        visits.action,
        visits.object_type,
        visits.object_id
    from
        {{ rows_of_users(
            ref('stg_landing__visits'), 'last_sources',
            since='activity_date', date='visited_date', instant='visited_at'
        ) }} as visits

),

-- Whatever a user did since the last day was done on it: no join with the days is needed.
interactions as (

    select
        orders.user_id,
        orders.ordered_at as interacted_at,
        1 as kind_number,
        orders.order_id as interaction_id,
        'order' as action,
        'order' as object_type,
        orders.order_id as object_id
    from orders

    union all

    select
        visits.user_id,
        visits.visited_at as interacted_at,
        2 as kind_number,
        visits.visit_id as interaction_id,
        visits.action,
        visits.object_type,
        visits.object_id
    from visits

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
