-- One row per changed user, line (any included) and day with valid orders, from the first changed day on.
{{ config(materialized='ephemeral') }}

with

order_lines as (

    select
        order_id,
        line_id,
        user_id,
        ordered_date,
        net_amount,
        contribution_amount
    from {{ ref('int_order_lines__split') }}
    where
        is_valid
        and is_replaced

),

final as (

    select
        user_id,
        line_id,
        ordered_date as activity_date,
        count(*) as order_count,
        sum(net_amount) as net_amount,
        sum(contribution_amount) as contribution_amount
    from order_lines
    group by
        user_id,
        line_id,
        ordered_date

    union all

    select
        user_id,
        'any' as line_id,
        ordered_date as activity_date,
        count(distinct order_id) as order_count,
        sum(net_amount) as net_amount,
        sum(contribution_amount) as contribution_amount
    from order_lines
    group by
        user_id,
        ordered_date

)

select
    user_id,
    line_id,
    activity_date,
    order_count,
    net_amount,
    contribution_amount
from final
