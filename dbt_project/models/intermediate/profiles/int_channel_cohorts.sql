-- One row per acquisition channel and registration day: how many came, and how many were still there later.
{{ config(materialized='published', scope='all', contract={'enforced': true}) }}

select
    acquisition_channel,
    acquired_date,
    user_count,
    retained_count
from {{ ref('int_channel_cohorts__delta') }}
