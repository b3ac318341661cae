-- One row per day from the line's first lapse to D, line and primary reason: how many open episodes had it.
{{ config(scope='moved_profile_days') }}

select
    as_of_date,
    line_id,
    reason_code,
    user_count,
    user_rate
from {{ ref('int_reason_summary__delta') }}
