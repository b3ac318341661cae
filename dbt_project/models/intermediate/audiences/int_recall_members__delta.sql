-- One row per campaign, step and person selected for the day after the as-of date, held-out persons included.
{{ config(materialized='table') }}

select
    -- key
    {{ audience_id('chosen.campaign_id', 'chosen.step_number', 'chosen.person_id') }} as audience_id,
    chosen.campaign_id,
    chosen.campaign_version,
    chosen.step_number,
    {{ selected_date() }} as selected_date,
    chosen.person_id,

    -- whom and why
    chosen.contact_id,
    chosen.user_id,
    chosen.line_id,
    chosen.episode_number,
    chosen.last_key_date,

    -- what
    chosen.arm_code,
    chosen.variant_code,
    chosen.channel,
    chosen.offer_code,
    chosen.is_global_holdout,
    chosen.is_campaign_holdout,
    chosen.expected_profit_amount,
    chosen.expected_cost_amount
from {{ ref('int_candidates__chosen') }} as chosen
inner join {{ ref('int_candidates__decided') }} as decided
    on chosen.candidate_number = decided.candidate_number
where decided.reason_code is null
