-- One row per day of the first order in any line and acquisition channel: how many, and what they did since.
{{ config(materialized='published', scope='all', contract={'enforced': true}) }}

select
    cohort_date,
    acquisition_channel,
    new_count,
    active_30d_count,
    contribution_amount
from {{ ref('int_new_customers__delta') }}
