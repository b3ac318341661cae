-- One row per candidate of a campaign step that is not selected for the day after the as-of date.
{{ config(materialized='table') }}

select
    campaign_id,
    step_number,
    {{ selected_date() }} as selected_date,
    user_id,
    line_id,
    episode_number,
    reason_code
from {{ ref('int_candidates__judged') }}
where reason_code is not null
