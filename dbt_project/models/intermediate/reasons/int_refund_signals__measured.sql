-- One row per profiled episode with a refund in the window: how many refunds of the line's orders there were.
{{ config(post_hook='{{ analyze(this) }}') }}

with

episodes as (

    select
        user_id,
        line_id,
        last_key_date,
        lapsed_date,
        previous_returned_date
    from {{ ref('int_episodes__profiled') }}

),

windows as (

    select window_days
    from ({{ signal_windows_in_force() }}) as signal_windows
    where signal_code = 'refund_count'

),

order_lines as (

    select
        order_id,
        user_id,
        line_id,
        ordered_date
    from {{ ref('int_profile_items__gathered') }}
    group by
        order_id,
        user_id,
        line_id,
        ordered_date

),

order_ids as (

    select order_id
    from order_lines
    group by order_id

),

refunds as (

    select
        refunds.refund_id,
        refunds.order_id,
        refunds.refunded_date
    from {{ rows_of_orders(ref('stg_landing__refunds'), 'order_ids') }} as refunds
    inner join order_ids
        on refunds.order_id = order_ids.order_id

),

line_refunds as (

    select
        order_lines.user_id,
        order_lines.line_id,
        order_lines.ordered_date,
        refunds.refund_id,
        refunds.refunded_date
    from refunds
    inner join order_lines
        on refunds.order_id = order_lines.order_id

)

select
    episodes.user_id,
    episodes.line_id,
    episodes.last_key_date,
    'refund_count' as signal_code,
    cast(count(*) as {{ numeric_type() }}) as signal_value,
    {{ json_number('refund_count', 'count(*)') }}
    || ', ' || {{ json_ids('refund_ids', 'line_refunds.refund_id') }} as members
from episodes
cross join windows
inner join line_refunds
    on
        episodes.user_id = line_refunds.user_id
        and episodes.line_id = line_refunds.line_id
        and episodes.lapsed_date >= line_refunds.ordered_date
        and {{ is_in_signal_window('line_refunds.refunded_date', 'episodes', 'windows') }}
        and {{ is_since_return('line_refunds.refunded_date', 'episodes') }}
group by
    episodes.user_id,
    episodes.line_id,
    episodes.last_key_date
