-- One row per changed user with an open episode: the latest visit or order in any line.
{{ config(post_hook='{{ analyze(this) }}') }}

with

last_sources as (

    select
        lapsed_sources.source_user_id,
        activities.last_interaction_date
    from {{ ref('int_user_activities__delta') }} as activities
    inner join {{ ref('int_lapsed_users__changed') }} as lapsed_sources
        on activities.user_id = lapsed_sources.user_id
    where activities.last_interaction_date is not null

),

orders as (

    select
        orders.user_id,
        orders.ordered_at,
        orders.order_id
    from
        {{ rows_of_users(
            ref('stg_landing__orders'), 'last_sources',
            since='last_interaction_date', date='ordered_date', instant='ordered_at'
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
            since='last_interaction_date', date='visited_date', instant='visited_at'
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
