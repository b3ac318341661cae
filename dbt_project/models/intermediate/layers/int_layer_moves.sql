-- One row per line, day (future ones too), dimension and code that more or fewer episodes are in than the day before.
{{ config(materialized='published', scope='all', contract={'enforced': true}) }}

select
    line_id,
    move_date,
    dimension_code,
    layer_code,
    user_change
from {{ ref('int_layer_moves__delta') }}
