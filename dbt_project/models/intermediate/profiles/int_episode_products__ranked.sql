-- One row per profiled episode and product ordered in the line up to the lapse, the one in most orders first.
{{ config(post_hook='{{ analyze(this) }}') }}

with

episodes as (

    select
        user_id,
        line_id,
        last_key_date,
        lapsed_date
    from {{ ref('int_episodes__profiled') }}

),

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

select
    episodes.user_id,
    episodes.line_id,
    episodes.last_key_date,
    product_orders.product_id,
    count(*) as order_count,
    sum(product_orders.net_amount) as net_amount,
    max(product_orders.ordered_date) as last_ordered_date,
    row_number() over (
        partition by episodes.user_id, episodes.line_id, episodes.last_key_date
        order by count(*) desc, sum(product_orders.net_amount) desc, product_orders.product_id
    ) as rank_number
from episodes
inner join product_orders
    on
        episodes.user_id = product_orders.user_id
        and episodes.line_id = product_orders.line_id
        and episodes.lapsed_date >= product_orders.ordered_date
group by
    episodes.user_id,
    episodes.line_id,
    episodes.last_key_date,
    product_orders.product_id
