-- One row per campaign, step, selected date and person: whom to recall, and whom to leave alone for comparison.
{{ config(scope='selected_date', indexes=[{'columns': ['selected_date', 'channel']}, {'columns': ['user_id']}]) }}

select
    audience_id,
    campaign_id,
    campaign_version,
    step_number,
    selected_date,
    person_id,
    contact_id,
    user_id,
    line_id,
    episode_number,
    last_key_date,
    arm_code,
    variant_code,
    channel,
    offer_code,
    is_global_holdout,
    is_campaign_holdout,
    expected_profit_amount,
    expected_cost_amount
from {{ ref('int_recall_members__delta') }}
