-- One row per profiled episode and product ordered in the line up to the lapse, the one in most orders first.
{{ config(post_hook='{{ analyze(this) }}') }}

with

product_orders as (

    select
        order_id,
        user_id,
        line_id,
        ordered_date,
        product_id,
        net_amount
    from {{ ref('int_profile_items__gathered') }}
    where product_id is not null

)

{{ ranked_items(orders='product_orders', thing='product_id') }}
