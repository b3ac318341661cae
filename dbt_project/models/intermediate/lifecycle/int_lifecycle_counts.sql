-- One row per line and month in which customers were active, or were lost; the month after D's may be among them.
{{ config(materialized='published', scope='all', contract={'enforced': true}) }}

select
    line_id,
    month,
    active_count,
    new_count,
    retained_count,
    resurrected_count,
    lost_count
from {{ ref('int_lifecycle_counts__delta') }}
