-- One row per line that has a visit up to D: since when its visits count in the layers that outcomes have seen. A first
-- visit that becomes known late gives episodes of other users another layer on days that have passed.
{{ config(materialized='published', scope='all', contract={'enforced': true}) }}

select
    line_id,
    first_visit_date
from {{ ref('int_outcome_lines__delta') }}
