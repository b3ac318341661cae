-- One row per changed user, day and line (null: every line) on which the user redeemed a reward. A reward of an order
-- counts on the order's day in the order's lines, if it is a valid order of the user; without an order on its own day.
{{ config(materialized='ephemeral') }}

with

redemptions as (

    select
        user_id,
        order_id,
        redeemed_date
    from {{ rows_of_changed_users(ref('stg_landing__redemptions')) }}

),

redeemed_orders as (

    select order_id
    from redemptions
    where order_id is not null
    group by order_id

),

orders as (

    select
        orders.order_id,
        orders.user_id,
        orders.ordered_date
    from {{ rows_of_orders(ref('stg_landing__orders'), 'redeemed_orders') }} as orders
    inner join redeemed_orders
        on orders.order_id = redeemed_orders.order_id
    where orders.is_valid

),

items as (

    select
        items.order_id,
        items.product_id
    from {{ rows_of_orders(ref('stg_landing__order_items'), 'redeemed_orders') }} as items
    inner join redeemed_orders
        on items.order_id = redeemed_orders.order_id

),

products as (

    select
        product_id,
        line_id
    from {{ ref('int_products__lined') }}

),

redemption_days as (

    select
        redemptions.user_id,
        coalesce(products.line_id, 'all') as line_id,
        orders.ordered_date as redeemed_date
    from redemptions
    inner join orders
        on
            redemptions.order_id = orders.order_id
            and redemptions.user_id = orders.user_id
    left join items
        on orders.order_id = items.order_id
    left join products
        on items.product_id = products.product_id

    union all

    select
        user_id,
        cast(null as {{ dbt.type_string() }}) as line_id,
        redeemed_date
    from redemptions
    where order_id is null

)

select
    user_id,
    line_id,
    redeemed_date
from redemption_days
group by
    user_id,
    line_id,
    redeemed_date
