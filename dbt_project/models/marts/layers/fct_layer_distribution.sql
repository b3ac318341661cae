-- One row per day from the line's first lapse to D, line, dimension and code: how many open episodes were in it.
{{ config(scope='moved_layer_days') }}

select
    as_of_date,
    line_id,
    dimension_code,
    layer_code,
    user_count,
    user_rate
from {{ ref('int_layer_distribution__delta') }}
