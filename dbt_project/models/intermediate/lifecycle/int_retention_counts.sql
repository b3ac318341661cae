-- One row per cohort and day after it on which anybody was active, day 0 being all of its members; never 0.
{{ config(materialized='published', scope='all', contract={'enforced': true}) }}

select
    cohort_type,
    line_id,
    cohort_date,
    acquisition_channel,
    day_number,
    user_count
from {{ ref('int_retention_counts__delta') }}
