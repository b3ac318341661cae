-- One row per business line in force on the as-of date, and the reserved line any.
{{ config(scope='all') }}

select
    line_id,
    line_name,
    frequency_class,
    key_behaviour,
    lapse_days,
    returned_days,
    decline_days,
    mature_order_days,
    margin_rate,
    is_reserved
from {{ ref('int_lines__delta') }}
