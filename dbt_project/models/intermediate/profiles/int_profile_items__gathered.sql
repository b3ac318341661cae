-- One row per valid order and product in it, for the users and lines with an episode that is profiled tonight, up to
-- the last lapse: nothing later is decided on. An order without items has one row in line all.
-- depends_on: {{ ref('int_order_items__delta') }}, {{ ref('int_user_days__replaced') }}
{{ config(post_hook='{{ analyze(this) }}') }}

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

lapsed_users as (

    select user_id
    from last_lapses
    group by user_id

)

select
    items.order_id,
    items.user_id,
    items.line_id,
    items.ordered_date,
    items.is_discounted,
    items.category,
    nullif(items.product_id, '') as product_id,
    items.net_amount
from
    {{ tonight_of_users(
        'int_order_items',
        ['order_id', 'user_id', 'line_id', 'ordered_date', 'is_discounted', 'category', 'product_id', 'net_amount'],
        'lapsed_users'
    ) }} as items
inner join last_lapses
    on
        items.user_id = last_lapses.user_id
        and items.line_id = last_lapses.line_id
        and items.ordered_date <= last_lapses.lapsed_date
