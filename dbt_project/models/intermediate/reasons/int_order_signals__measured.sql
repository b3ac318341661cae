-- One row per profiled episode and signal of its orders in the line: how many there were, and how many on discount.
{{ config(post_hook='{{ analyze(this) }}') }}

with

episodes as (

    select
        user_id,
        line_id,
        last_key_date,
        lapsed_date,
        order_count,
        last_order_date
    from {{ ref('int_persona_measures__summed') }}

),

windows as (

    select window_days
    from ({{ signal_windows_in_force() }}) as signal_windows
    where signal_code = 'discounted_order_rate'

),

orders as (

    select
        order_id,
        user_id,
        line_id,
        ordered_date,
        is_discounted
    from {{ ref('int_profile_items__gathered') }}
    group by
        order_id,
        user_id,
        line_id,
        ordered_date,
        is_discounted

),

order_counts as (

    select
        user_id,
        line_id,
        last_key_date,
        'order_count' as signal_code,
        cast(order_count as {{ numeric_type() }}) as signal_value,
        {{ json_number('order_count', 'order_count') }}
        || ', ' || {{ json_date('last_order_date', 'last_order_date') }} as members
    from episodes

),

discount_rates as (

    select
        episodes.user_id,
        episodes.line_id,
        episodes.last_key_date,
        'discounted_order_rate' as signal_code,
        cast(sum(case when orders.is_discounted then 1 else 0 end) as {{ numeric_type() }}) / count(*) as signal_value,
        {{ json_number('window_order_count', 'count(*)') }}
        || ', ' || {{ json_number(
            'discounted_order_count', 'sum(case when orders.is_discounted then 1 else 0 end)'
        ) }} as members
    from episodes
    cross join windows
    inner join orders
        on
            episodes.user_id = orders.user_id
            and episodes.line_id = orders.line_id
            and {{ is_in_signal_window('orders.ordered_date', 'episodes', 'windows') }}
    group by
        episodes.user_id,
        episodes.line_id,
        episodes.last_key_date

)

select
    user_id,
    line_id,
    last_key_date,
    signal_code,
    signal_value,
    members
from order_counts

union all

select
    user_id,
    line_id,
    last_key_date,
    signal_code,
    signal_value,
    members
from discount_rates
