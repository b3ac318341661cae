-- One row per changed user, day from the first changed day on, line that visits name (empty: none) and channel; and per
-- day one of all visits, line any.
-- depends_on: {{ source('definitions', 'funnel_steps') }}, {{ ref('int_visit_objects__lined') }}
{{ config(pre_hook='{{ group_by_sorting() }}', post_hook='{{ analyze(this) }}') }}

with

days as (

    {{ visit_days(rows_of_changed_users(ref('stg_landing__visits'), date='visited_date', instant='visited_at')) }}

)

select
    user_id,
    visited_date,
    line_id,
    channel,
    visit_count,
    unlined_visit_count,
    channel_visit_count,
    channel_unlined_visit_count,
    action_count,
    funnel_step_number
from days
