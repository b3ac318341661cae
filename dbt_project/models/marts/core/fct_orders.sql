-- One row per order up to the as-of date, valid or not.
{{ config(scope='user_days', date_column='ordered_date', indexes=[{'columns': ['user_id', 'ordered_date']}]) }}

select
    order_id,
    user_id,
    ordered_at,
    ordered_date,
    status,
    is_valid,
    net_amount,
    refunded_amount,
    cost_amount,
    contribution_amount,
    discount_amount,
    currency_code,
    sales_channel,
    coupon_code
from {{ ref('int_orders__delta') }}
