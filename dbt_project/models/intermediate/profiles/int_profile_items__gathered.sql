-- One row per valid order, line, category and product in it, for the users and lines with an episode that is profiled
-- tonight, up to the last lapse: nothing later is decided on. An order without items has one row in line all.
{{ config(pre_hook='{{ fetch_ahead() }}', post_hook='{{ analyze(this) }}') }}

with

last_lapses as (

    select
        user_id,
        line_id,
        max(lapsed_date) as lapsed_date
    from {{ ref('int_episodes__profiled') }}
    group by
        user_id,
        line_id

),

orders as (

    select
        orders.order_id,
        orders.user_id,
        orders.ordered_date,
        orders.exchange_rate,
        (coalesce(orders.discount_amount, 0) > 0 or orders.coupon_code is not null) as is_discounted
    from {{ rows_of_users(ref('stg_landing__orders'), ref('int_profiled_sources__found')) }} as orders
    where orders.is_valid

),

items as (

    select
        order_items.order_id,
        order_items.product_id,
        order_items.net_amount_in_order_currency
    from {{ rows_of_orders(ref('stg_landing__order_items'), 'orders') }} as order_items

),

products as (

    select
        product_id,
        category,
        line_id
    from {{ ref('int_products__lined') }}

)

select
    orders.order_id,
    orders.user_id,
    coalesce(products.line_id, 'all') as line_id,
    orders.ordered_date,
    orders.is_discounted,
    products.category,
    products.product_id,
    sum({{ converted_amount('items.net_amount_in_order_currency', 'orders.exchange_rate') }}) as net_amount
from orders
left join items
    on orders.order_id = items.order_id
left join products
    on items.product_id = products.product_id
inner join last_lapses
    on
        orders.user_id = last_lapses.user_id
        and coalesce(products.line_id, 'all') = last_lapses.line_id
        and orders.ordered_date <= last_lapses.lapsed_date
group by
    orders.order_id,
    orders.user_id,
    coalesce(products.line_id, 'all'),
    orders.ordered_date,
    orders.is_discounted,
    products.category,
    products.product_id
