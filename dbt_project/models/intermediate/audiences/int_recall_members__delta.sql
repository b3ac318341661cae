-- One row per campaign, step and person selected for the day after the as-of date, held-out persons included.
{{ config(materialized='table') }}

with

judged as (

    select
        campaign_id,
        campaign_version,
        step_number,
        user_id,
        line_id,
        episode_number,
        last_key_date,
        person_id,
        contact_id,
        arm_code,
        variant_code,
        channel,
        offer_code,
        is_global_holdout,
        is_campaign_holdout,
        reason_code
    from {{ ref('int_candidates__judged') }}

),

final as (

    select
        -- key
        {{ audience_id('campaign_id', 'step_number', 'person_id') }} as audience_id,
        campaign_id,
        campaign_version,
        step_number,
        {{ selected_date() }} as selected_date,
        person_id,

        -- whom and why
        contact_id,
        user_id,
        line_id,
        episode_number,
        last_key_date,

        -- what
        arm_code,
        variant_code,
        channel,
        offer_code,
        is_global_holdout,
        is_campaign_holdout,
        cast(null as {{ numeric_type() }}) as expected_profit_amount
    from judged
    where reason_code is null

)

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
    expected_profit_amount
from final
