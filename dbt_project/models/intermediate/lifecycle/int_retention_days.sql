-- One row per day after a cohort's day on which retention is looked at: what was in force for the published build.
{{ config(materialized='published', scope='all', contract={'enforced': true}) }}

select day_number
from {{ ref('int_retention_days__delta') }}
