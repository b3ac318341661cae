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
        order_id,
        user_id,
        ordered_date,
        exchange_rate
    from {{ rows_of_users(ref('stg_landing__orders'), ref('int_lapsed_users__changed')) }} as orders
    where is_valid

),

items as (

    select
        order_id,
        product_id,
        net_amount_in_order_currency
    from {{ rows_of_orders(ref('stg_landing__order_items'), 'orders') }} as order_items

),

products as (

    select
        product_id,
        category,
        line_id
    from {{ ref('int_products__lined') }}

),

category_orders as (

    select
        episodes.user_id,
        episodes.line_id,
        products.category,
        orders.order_id,
        sum({{ converted_amount('items.net_amount_in_order_currency', 'orders.exchange_rate') }}) as net_amount
    from episodes
    inner join orders
        on
            episodes.user_id = orders.user_id
            and episodes.lapsed_date >= orders.ordered_date
    inner join items
        on orders.order_id = items.order_id
    inner join products
        on
            items.product_id = products.product_id
            and episodes.line_id = products.line_id
    group by
        episodes.user_id,
        episodes.line_id,
        products.category,
        orders.order_id

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
    from category_orders
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
