-- One row per campaign, step, selected date and excluded candidate, with the first reason that kept it out.
{{ config(scope='selected_date', indexes=[{'columns': ['selected_date', 'campaign_id']}, {'columns': ['user_id']}]) }}

select
    campaign_id,
    step_number,
    selected_date,
    user_id,
    line_id,
    episode_number,
    reason_code,
    worth_reason_code
from {{ ref('int_recall_exclusions__delta') }}
