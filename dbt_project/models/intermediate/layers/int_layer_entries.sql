-- One row per line, dimension, code and day (future ones too) on which episodes first came into the code.
{{ config(materialized='published', scope='all', contract={'enforced': true}) }}

select
    line_id,
    dimension_code,
    layer_code,
    entered_date,
    episode_count,
    returned_count
from {{ ref('int_layer_entries__delta') }}
