-- One row per line that has a visit up to D: from its first visit on, visits count in the layers of the line.
{{ config(materialized='published', scope='all', contract={'enforced': true}) }}

select
    line_id,
    first_visit_date
from {{ ref('int_line_visits__delta') }}
