-- One row per acquisition channel and month: how its users stayed, as known when the month began.
{{ config(materialized='published', scope='all', contract={'enforced': true}) }}

select
    acquisition_channel,
    month,
    user_count,
    retention_rate,
    all_retention_rate,
    retention_ratio
from {{ ref('int_channel_retention__delta') }}
