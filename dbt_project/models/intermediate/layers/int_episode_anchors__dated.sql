-- One row per episode whose bands are found anew and period in which its last visit and its last order stand still.
{{ config(pre_hook='{{ join_without_loops() }}', post_hook='{{ analyze(this) }}') }}

with

episodes as (

    select
        user_id,
        line_id,
        episode_number,
        last_key_date,
        lapsed_date,
        returned_date
    from {{ ref('int_episodes__anew') }}

),

lapsed_customers as (

    select
        user_id,
        line_id
    from episodes
    group by
        user_id,
        line_id

),

user_days as (

    select
        user_id,
        line_id,
        activity_date,
        visit_count,
        order_count,
        {{ days_between("cast('1970-01-01' as date)", 'activity_date') }} as day_number
    from {{ ref('int_user_days__lapsed') }}

),

visit_days as (

    select
        user_id,
        line_id,
        activity_date,
        lead(activity_date) over (partition by user_id, line_id order by day_number) as next_visit_date,
        {{ visit_count_7d_before() }} as visit_count_7d
    from user_days
    where visit_count > 0

),

order_days as (

    select
        user_id,
        line_id,
        activity_date,
        {{ order_count_30d_before() }} as order_count_30d
    from user_days
    where order_count > 0

),

-- An order always is a key day, so none falls into an episode: the last one before it stays the last one.
last_orders as (

    select
        episodes.user_id,
        episodes.line_id,
        episodes.episode_number,
        episodes.last_key_date,
        episodes.lapsed_date,
        episodes.returned_date,
        max(order_days.activity_date) as last_order_date
    from episodes
    inner join order_days
        on
            episodes.user_id = order_days.user_id
            and episodes.line_id = order_days.line_id
            and episodes.last_key_date >= order_days.activity_date
    group by
        episodes.user_id,
        episodes.line_id,
        episodes.episode_number,
        episodes.last_key_date,
        episodes.lapsed_date,
        episodes.returned_date

),

first_visits as (

    select
        user_id,
        line_id,
        min(activity_date) as first_visit_date
    from visit_days
    group by
        user_id,
        line_id

),

-- What the last visit is, from its date on and until the next one; before the first visit there is none.
visit_states as (

    select
        user_id,
        line_id,
        activity_date as last_visit_date,
        visit_count_7d,
        next_visit_date
    from visit_days

    union all

    select
        lapsed_customers.user_id,
        lapsed_customers.line_id,
        cast(null as date) as last_visit_date,
        cast(null as bigint) as visit_count_7d,
        first_visits.first_visit_date as next_visit_date
    from lapsed_customers
    left join first_visits
        on
            lapsed_customers.user_id = first_visits.user_id
            and lapsed_customers.line_id = first_visits.line_id

),

final as (

    select
        last_orders.user_id,
        last_orders.line_id,
        last_orders.episode_number,
        last_orders.last_key_date,
        greatest(last_orders.lapsed_date, visit_states.last_visit_date) as valid_from,
        least(last_orders.returned_date, visit_states.next_visit_date) as valid_to,
        visit_states.last_visit_date,
        cast(visit_states.visit_count_7d as integer) as visit_count_7d_before_last_visit,
        last_orders.last_order_date,
        cast(order_days.order_count_30d as integer) as order_count_30d_before_last_order
    from last_orders
    inner join order_days
        on
            last_orders.user_id = order_days.user_id
            and last_orders.line_id = order_days.line_id
            and last_orders.last_order_date = order_days.activity_date
    inner join visit_states
        on
            last_orders.user_id = visit_states.user_id
            and last_orders.line_id = visit_states.line_id
            and (visit_states.next_visit_date is null or last_orders.lapsed_date < visit_states.next_visit_date)
            and (
                last_orders.returned_date is null
                or visit_states.last_visit_date is null
                or last_orders.returned_date > visit_states.last_visit_date
            )

)

select
    user_id,
    line_id,
    episode_number,
    last_key_date,
    valid_from,
    valid_to,
    last_visit_date,
    visit_count_7d_before_last_visit,
    last_order_date,
    order_count_30d_before_last_order
from final
