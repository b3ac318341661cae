-- One row per line, dimension and code: how many of the episodes that came into it returned soon after.
{{ config(scope='all') }}

select
    line_id,
    dimension_code,
    layer_code,
    episode_count,
    returned_count,
    return_rate,
    return_days
from {{ ref('int_layer_returns__delta') }}
