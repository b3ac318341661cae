-- One row per customer and line: what does not age of a customer's worth. Moves with the marts.
{{ config(materialized='published', scope='users', contract={'enforced': true}) }}

select
    user_id,
    line_id,
    key_day_count,
    contribution_amount,
    contribution_per_key_day_amount,
    return_count,
    rewarded_return_count,
    is_gaming
from {{ ref('int_customer_values__delta') }}
