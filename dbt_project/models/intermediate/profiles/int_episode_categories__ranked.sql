-- One row per profiled episode and category ordered in the line up to the lapse, the one in most orders first.
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

select
    episodes.user_id,
    episodes.line_id,
    episodes.last_key_date,
    category_orders.category,
    count(*) as order_count,
    sum(category_orders.net_amount) as net_amount,
    row_number() over (
        partition by episodes.user_id, episodes.line_id, episodes.last_key_date
        order by count(*) desc, sum(category_orders.net_amount) desc, category_orders.category
    ) as rank_number
from episodes
inner join category_orders
    on
        episodes.user_id = category_orders.user_id
        and episodes.line_id = category_orders.line_id
        and episodes.lapsed_date >= category_orders.ordered_date
group by
    episodes.user_id,
    episodes.line_id,
    episodes.last_key_date,
    category_orders.category
