-- One row per valid order of a changed user, from the first changed day on, and product in it (empty: none that is
-- known). An order without items has one row in line all.
{{ config(pre_hook='{{ group_by_sorting() }}', post_hook='{{ analyze(this) }}') }}

with

orders as (

    select
        order_id,
        user_id,
        ordered_date,
        exchange_rate,
        (coalesce(discount_amount, 0) > 0 or coupon_code is not null) as is_discounted
    from {{ ref('int_orders__changed') }}
    where
        is_replaced
        and is_valid

),

items as (

    select
        order_id,
        product_id,
        net_amount_in_order_currency
    from {{ rows_of_orders(ref('stg_landing__order_items'), ref('int_orders__changed')) }}

),

products as (

    select
        product_id,
        category,
        line_id
    from {{ ref('int_products__lined') }}

),

final as (

    select
        orders.user_id,
        orders.order_id,
        coalesce(products.product_id, '') as product_id,
        coalesce(products.line_id, 'all') as line_id,
        products.category,
        orders.ordered_date,
        orders.is_discounted,
        sum({{ converted_amount('items.net_amount_in_order_currency', 'orders.exchange_rate') }}) as net_amount
    from orders
    left join items
        on orders.order_id = items.order_id
    left join products
        on items.product_id = products.product_id
    group by
        orders.user_id,
        orders.order_id,
        coalesce(products.product_id, ''),
        coalesce(products.line_id, 'all'),
        products.category,
        orders.ordered_date,
        orders.is_discounted

)

select
    user_id,
    order_id,
    product_id,
    line_id,
    category,
    ordered_date,
    is_discounted,
    {{ plain_amount('net_amount') }} as net_amount
from final
