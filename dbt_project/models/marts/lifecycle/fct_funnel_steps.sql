-- One row per line (any included), day on which anybody did a step, and step: how many users came that far.
{{ config(scope='all') }}

select
    line_id,
    activity_date,
    step_number,
    step_code,
    user_count,
    drop_rate
from {{ ref('int_funnel_steps__delta') }}
