-- One row per profiled episode, open or returned: what the customer had ordered in the line up to the lapse.
{{ config(post_hook='{{ analyze(this) }}') }}

with

episodes as (

    select
        user_id,
        line_id,
        episode_number,
        last_key_date,
        lapsed_date,
        is_open,
        is_changed,
        birth_date
    from {{ ref('int_episodes__profiled') }}

),

order_days as (

    select
        user_id,
        line_id,
        activity_date,
        order_count,
        net_amount
    from {{ ref('int_user_days__profiled') }}
    where order_count > 0

),

sums as (

    select
        episodes.user_id,
        episodes.line_id,
        episodes.episode_number,
        episodes.last_key_date,
        episodes.lapsed_date,
        episodes.is_open,
        episodes.is_changed,
        episodes.birth_date,
        cast(sum(order_days.order_count) as integer) as order_count,
        sum(order_days.net_amount) as net_amount,
        min(order_days.activity_date) as first_order_date,
        max(order_days.activity_date) as last_order_date
    from episodes
    inner join order_days
        on
            episodes.user_id = order_days.user_id
            and episodes.line_id = order_days.line_id
            and episodes.lapsed_date >= order_days.activity_date
    group by
        episodes.user_id,
        episodes.line_id,
        episodes.episode_number,
        episodes.last_key_date,
        episodes.lapsed_date,
        episodes.is_open,
        episodes.is_changed,
        episodes.birth_date

),

final as (

    select
        user_id,
        line_id,
        episode_number,
        last_key_date,
        lapsed_date,
        is_open,
        is_changed,
        birth_date,
        order_count,
        net_amount,
        round(net_amount / order_count, 2) as average_order_amount,
        {{ days_between('first_order_date', 'lapsed_date') }} as customer_days,
        first_order_date,
        last_order_date
    from sums

)

select
    user_id,
    line_id,
    episode_number,
    last_key_date,
    lapsed_date,
    is_open,
    is_changed,
    birth_date,
    order_count,
    net_amount,
    average_order_amount,
    customer_days,
    first_order_date,
    last_order_date
from final
