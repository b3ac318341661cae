-- One row per open episode of a changed user and category ordered in the line up to the lapse, the one in most orders
-- first.
with

episodes as (

    select
        user_id,
        line_id,
        lapsed_date
    from {{ ref('int_persona_measures__summed') }}

),

orders as (

    select
        orders.order_id,
        orders.user_id,
        orders.ordered_date,
        orders.exchange_rate
    from {{ rows_of_users(ref('stg_landing__orders'), ref('int_lapsed_users__changed')) }} as orders
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

),

-- Gathered before the episodes are looked at: joined by line alone, products and episodes would multiply.
category_orders as (

    select
        orders.order_id,
        orders.user_id,
        orders.ordered_date,
        products.line_id,
        products.category,
        sum({{ converted_amount('items.net_amount_in_order_currency', 'orders.exchange_rate') }}) as net_amount
    from orders
    inner join items
        on orders.order_id = items.order_id
    inner join products
        on items.product_id = products.product_id
    group by
        orders.order_id,
        orders.user_id,
        orders.ordered_date,
        products.line_id,
        products.category

),

episode_orders as (

    select
        episodes.user_id,
        episodes.line_id,
        category_orders.category,
        category_orders.net_amount
    from episodes
    inner join category_orders
        on
            episodes.user_id = category_orders.user_id
            and episodes.line_id = category_orders.line_id
            and episodes.lapsed_date >= category_orders.ordered_date

),

final as (

    select
        user_id,
        line_id,
        category,
        count(*) as order_count,
        sum(net_amount) as net_amount,
        row_number() over (
            partition by user_id, line_id
            order by count(*) desc, sum(net_amount) desc, category
        ) as rank_number
    from episode_orders
    group by
        user_id,
        line_id,
        category

)

select
    user_id,
    line_id,
    category,
    order_count,
    net_amount,
    rank_number
from final
