-- One row per profiled episode and category ordered in the line up to the lapse, the one in most orders first.
{{ config(post_hook='{{ analyze(this) }}') }}

with

category_orders as (

    select
        order_id,
        user_id,
        line_id,
        ordered_date,
        category,
        sum(net_amount) as net_amount
    from {{ ref('int_profile_items__gathered') }}
    where category is not null
    group by
        order_id,
        user_id,
        line_id,
        ordered_date,
        category

)

{{ ranked_items(orders='category_orders', thing='category') }}
