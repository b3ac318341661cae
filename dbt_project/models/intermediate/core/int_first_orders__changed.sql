-- One row per changed user and line in which the user is a customer: the date of the first valid order.
{{ config(materialized='ephemeral') }}

with

-- Orders before the first changed day stand as yesterday knew them.
first_orders_before as (

    select
        customer_lines.user_id,
        customer_lines.line_id,
        customer_lines.first_order_date
    from {{ yesterday('int_customer_lines') }} as customer_lines
    inner join {{ ref('int_users__changed') }} as changed_users
        on
            customer_lines.user_id = changed_users.user_id
            and customer_lines.first_order_date < changed_users.replace_from_date

),

first_orders_since as (

    select
        user_id,
        line_id,
        min(ordered_date) as first_order_date
    from {{ ref('int_order_lines__split') }}
    where
        is_valid
        and is_replaced
    group by
        user_id,
        line_id

),

final as (

    select
        user_id,
        line_id,
        first_order_date
    from first_orders_before

    union all

    select
        first_orders_since.user_id,
        first_orders_since.line_id,
        first_orders_since.first_order_date
    from first_orders_since
    left join first_orders_before
        on
            first_orders_since.user_id = first_orders_before.user_id
            and first_orders_since.line_id = first_orders_before.line_id
    where first_orders_before.user_id is null

)

select
    user_id,
    line_id,
    first_order_date
from final
