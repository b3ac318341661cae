-- One row per day from the line's first lapse to D, line and persona: how many open episodes had it.
{{ config(scope='moved_profile_days') }}

select
    as_of_date,
    line_id,
    persona_code,
    user_count,
    user_rate
from {{ ref('int_persona_summary__delta') }}
