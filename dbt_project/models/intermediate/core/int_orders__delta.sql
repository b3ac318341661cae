-- One row per order of a changed user from the first changed day on: the new rows of fct_orders.
{{ config(post_hook='{{ analyze(this) }}') }}

with

orders as (

    select
        order_id,
        user_id,
        ordered_at,
        ordered_date,
        status,
        is_valid,
        net_amount,
        discount_amount,
        currency_code,
        sales_channel,
        coupon_code
    from {{ ref('int_orders__changed') }}
    where is_replaced

),

order_money as (

    select
        order_id,
        sum(refunded_amount) as refunded_amount,
        sum(cost_amount) as cost_amount,
        sum(contribution_amount) as contribution_amount
    from {{ ref('int_order_lines__split') }}
    where is_replaced
    group by order_id

),

final as (

    select
        orders.order_id,
        orders.user_id,
        orders.ordered_at,
        orders.ordered_date,
        orders.status,
        orders.is_valid,
        {{ plain_amount('orders.net_amount') }} as net_amount,
        {{ plain_amount('order_money.refunded_amount') }} as refunded_amount,
        {{ plain_amount('order_money.cost_amount') }} as cost_amount,
        case when orders.is_valid then {{ plain_amount('order_money.contribution_amount') }} else 0 end
            as contribution_amount,
        {{ plain_amount('orders.discount_amount') }} as discount_amount,
        orders.currency_code,
        orders.sales_channel,
        orders.coupon_code
    from orders
    inner join order_money
        on orders.order_id = order_money.order_id

)

select
    order_id,
    user_id,
    ordered_at,
    ordered_date,
    status,
    is_valid,
    net_amount,
    refunded_amount,
    cost_amount,
    contribution_amount,
    discount_amount,
    currency_code,
    sales_channel,
    coupon_code
from final
