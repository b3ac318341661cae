-- One row per order up to the as-of date, valid or not, with amounts in the workspace's currency.
with

orders as (

    select
        orders.order_id,
        orders.user_id,
        orders.ordered_at,
        {{ business_date('orders.ordered_at') }} as ordered_date,
        orders.net_amount,
        orders.status,
        orders.sales_channel,
        orders.currency_code,
        orders.gross_amount,
        orders.discount_amount,
        orders.coupon_code
    from
        {{ visible_rows(
            'orders',
            ['order_id'],
            [
                'user_id', 'ordered_at', 'net_amount', 'status', 'sales_channel', 'currency_code', 'gross_amount',
                'discount_amount', 'coupon_code',
            ],
        ) }} as orders

),

user_merges as (

    select
        user_id,
        merged_into
    from {{ ref('stg_landing__user_merges') }}

),

known_orders as (

    select
        orders.order_id,
        coalesce(user_merges.merged_into, orders.user_id) as user_id,
        orders.user_id as source_user_id,
        orders.ordered_at,
        orders.ordered_date,
        orders.status,
        orders.sales_channel,
        orders.currency_code,
        {{ exchange_rate('orders.currency_code', 'orders.ordered_date') }} as exchange_rate,
        orders.net_amount,
        orders.gross_amount,
        orders.discount_amount,
        orders.coupon_code
    from orders
    left join user_merges
        on orders.user_id = user_merges.user_id
    where
        orders.ordered_date <= {{ as_of_date() }}
        and {{ is_known_user('orders.user_id') }}

),

final as (

    select
        order_id,
        user_id,
        source_user_id,
        ordered_at,
        ordered_date,
        status,
        {{ is_valid_order('status') }} as is_valid,
        {{ converted_amount('net_amount', 'exchange_rate') }} as net_amount,
        {{ converted_amount('gross_amount', 'exchange_rate') }} as gross_amount,
        {{ converted_amount('discount_amount', 'exchange_rate') }} as discount_amount,
        {{ currency_code() }} as currency_code,
        currency_code as source_currency_code,
        exchange_rate,
        sales_channel,
        coupon_code
    from known_orders

)

select
    order_id,
    user_id,
    source_user_id,
    ordered_at,
    ordered_date,
    status,
    is_valid,
    net_amount,
    gross_amount,
    discount_amount,
    currency_code,
    source_currency_code,
    exchange_rate,
    sales_channel,
    coupon_code
from final
