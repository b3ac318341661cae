-- One row per order that is built anew tonight; and, to know their lines, per older order that feedback hangs on.
{{ config(post_hook='{{ analyze(this) }}') }}

with

changed_orders as (

    select
        order_id,
        user_id,
        ordered_at,
        ordered_date,
        status,
        is_valid,
        net_amount,
        currency_code,
        exchange_rate,
        sales_channel,
        coupon_code,
        discount_amount
    from
        {{ rows_of_changed_users(ref('stg_landing__orders'), date='ordered_date', instant='ordered_at') }}

),

feedback_orders as (

    select feedback.order_id
    from
        {{ rows_of_changed_users(
            ref('stg_landing__feedback'), date='submitted_date', instant='submitted_at'
        ) }} as feedback
    left join changed_orders
        on feedback.order_id = changed_orders.order_id
    where
        feedback.order_id is not null
        and changed_orders.order_id is null
    group by feedback.order_id

),

final as (

    select
        order_id,
        user_id,
        ordered_at,
        ordered_date,
        status,
        is_valid,
        net_amount,
        currency_code,
        exchange_rate,
        sales_channel,
        coupon_code,
        discount_amount,
        true as is_replaced
    from changed_orders

    union all

    select
        orders.order_id,
        orders.user_id,
        orders.ordered_at,
        orders.ordered_date,
        orders.status,
        orders.is_valid,
        orders.net_amount,
        orders.currency_code,
        orders.exchange_rate,
        orders.sales_channel,
        orders.coupon_code,
        orders.discount_amount,
        false as is_replaced
    from {{ rows_of_orders(ref('stg_landing__orders'), 'feedback_orders') }} as orders
    inner join feedback_orders
        on orders.order_id = feedback_orders.order_id

)

select
    order_id,
    user_id,
    ordered_at,
    ordered_date,
    status,
    is_valid,
    net_amount,
    currency_code,
    exchange_rate,
    sales_channel,
    coupon_code,
    discount_amount,
    is_replaced
from final
