-- One row per campaign step and lapse episode that it is due for on the as-of date, returned episodes included.
{{ config(materialized='table', post_hook=analyze(this)) }}

with

campaigns as (

    select
        campaign_id,
        campaign_version,
        priority,
        cool_down_days,
        holdout_hash_end
    from {{ source('definitions', 'campaigns') }}
    where is_current

),

steps as (

    select
        campaign_id,
        campaign_version,
        step_number,
        due_from_days,
        due_until_days
    from {{ source('definitions', 'campaign_steps') }}

),

targets as (

    select
        campaign_id,
        campaign_version,
        target_type,
        target_code
    from {{ source('definitions', 'campaign_targets') }}

),

episodes as (

    select
        user_id,
        line_id,
        episode_number,
        last_key_date,
        lapsed_date,
        returned_date,
        -- The last day on which the episode was open tells the layer of one that has returned.
        case when is_open then {{ as_of_date() }} else {{ add_days('returned_date', -1) }} end as last_open_date,
        is_open
    from {{ ref('fct_lapse_episodes') }}

),

layer_spans as (

    select
        user_id,
        line_id,
        last_key_date,
        valid_from,
        valid_to,
        layer_code
    from {{ ref('int_layer_spans') }}

),

-- Personas are kept of open episodes only, so a campaign that aims at personas sees no returned ones.
personas as (

    select
        user_id,
        line_id,
        last_key_date,
        persona_code
    from {{ ref('fct_churned_personas') }}

),

-- And so are the reasons.
primary_reasons as (

    select
        user_id,
        line_id,
        last_key_date,
        reason_code
    from {{ ref('fct_churn_reasons') }}
    where is_primary

),

-- How many layers, personas and reasons a campaign aims at; of a type with none it takes all.
aims as (

    select
        campaign_id,
        campaign_version,
        sum(case when target_type = 'layer' then 1 else 0 end) as layer_count,
        sum(case when target_type = 'persona' then 1 else 0 end) as persona_count,
        sum(case when target_type = 'reason' then 1 else 0 end) as reason_count
    from targets
    group by
        campaign_id,
        campaign_version

),

due_episodes as (

    select
        campaigns.campaign_id,
        campaigns.campaign_version,
        campaigns.priority,
        campaigns.cool_down_days,
        campaigns.holdout_hash_end,
        steps.step_number,
        episodes.user_id,
        episodes.line_id,
        episodes.episode_number,
        episodes.last_key_date,
        episodes.lapsed_date,
        episodes.last_open_date,
        episodes.is_open
    from campaigns
    inner join steps
        on
            campaigns.campaign_id = steps.campaign_id
            and campaigns.campaign_version = steps.campaign_version
    inner join targets
        on
            campaigns.campaign_id = targets.campaign_id
            and campaigns.campaign_version = targets.campaign_version
            and targets.target_type = 'line'
    inner join episodes
        on
            targets.target_code = episodes.line_id
            and episodes.lapsed_date <= {{ add_days(as_of_date(), '-steps.due_from_days') }}
            and episodes.lapsed_date > {{ add_days(as_of_date(), '-steps.due_until_days') }}

),

final as (

    select
        due_episodes.campaign_id,
        due_episodes.campaign_version,
        due_episodes.priority,
        due_episodes.cool_down_days,
        due_episodes.holdout_hash_end,
        due_episodes.step_number,
        due_episodes.user_id,
        due_episodes.line_id,
        due_episodes.episode_number,
        due_episodes.last_key_date,
        due_episodes.lapsed_date,
        due_episodes.is_open
    from due_episodes
    inner join aims
        on
            due_episodes.campaign_id = aims.campaign_id
            and due_episodes.campaign_version = aims.campaign_version
    where
        (
            aims.layer_count = 0
            or {{ is_in_target(
                'layer', 'layer_spans', 'layer_code', is_in_span('due_episodes.last_open_date', 'layer_spans')
            ) }}
        )
        and (aims.persona_count = 0 or {{ is_in_target('persona', 'personas', 'persona_code') }})
        and (aims.reason_count = 0 or {{ is_in_target('reason', 'primary_reasons', 'reason_code') }})

)

select
    -- Names the candidate for the models of this night; nothing else is made of it.
    row_number() over (order by campaign_id, step_number, user_id, line_id, episode_number) as candidate_number,
    campaign_id,
    campaign_version,
    priority,
    cool_down_days,
    holdout_hash_end,
    step_number,
    user_id,
    line_id,
    episode_number,
    last_key_date,
    lapsed_date,
    is_open
from final
