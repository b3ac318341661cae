-- One row per valid order and product in it (empty: none that is known), kept by user: what a night asks of all orders
-- of somebody who lapsed.
{{ config(
    materialized='published', scope='replaced_user_days', date_column='ordered_date', contract={'enforced': true}
) }}

select
    user_id,
    order_id,
    product_id,
    line_id,
    category,
    ordered_date,
    is_discounted,
    net_amount
from {{ ref('int_order_items__delta') }}
