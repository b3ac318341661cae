-- One row per candidate of a campaign step that is not selected for the day after the as-of date.
{{ config(materialized='table') }}

select
    chosen.campaign_id,
    chosen.step_number,
    {{ selected_date() }} as selected_date,
    chosen.user_id,
    chosen.line_id,
    chosen.episode_number,
    decided.reason_code,
    chosen.worth_reason_code
from {{ ref('int_candidates__chosen') }} as chosen
inner join {{ ref('int_candidates__decided') }} as decided
    on chosen.candidate_number = decided.candidate_number
where decided.reason_code is not null
