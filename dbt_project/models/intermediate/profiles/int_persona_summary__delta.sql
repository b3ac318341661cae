-- One row per day whose counts may differ from yesterday's, line and persona: how many open episodes had it.
{{ config(post_hook='{{ analyze(this) }}') }}

select
    as_of_date,
    line_id,
    profile_code as persona_code,
    user_count,
    user_rate
from {{ ref('int_profile_counts__summed') }}
where dimension_code = 'persona'
