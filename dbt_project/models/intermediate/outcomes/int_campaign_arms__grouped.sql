-- One row per arm of a campaign's version, with the group of arms that it may be compared within: those that may take
-- the same treatments. Who is reachable, consents and is worth it depends on offer and channel, not on the copy.
{{ config(materialized='table', post_hook='{{ analyze(this) }}') }}

with

arms as (

    select
        campaign_id,
        campaign_version,
        arm_code,
        channel,
        offer_code,
        hash_begin,
        hash_end
    from {{ source('definitions', 'campaign_arms') }}

),

-- Choices of one action differ in the copy alone.
actions as (

    select
        campaign_id,
        campaign_version,
        arm_code,
        {{ action_code('offer_code', 'channel') }} as action_code
    from {{ source('definitions', 'campaign_choices') }}
    where choice_number = action_number

),

groups as (

    select
        campaign_id,
        campaign_version,
        arm_code,
        {{ joined_texts('action_code', 'action_code', ' ') }} as comparison_code
    from actions
    group by
        campaign_id,
        campaign_version,
        arm_code

)

select
    arms.campaign_id,
    arms.campaign_version,
    arms.arm_code,
    arms.channel,
    arms.offer_code,
    coalesce(groups.comparison_code, {{ action_code('arms.offer_code', 'arms.channel') }}) as comparison_code,
    arms.hash_begin,
    arms.hash_end
from arms
left join groups
    on
        arms.campaign_id = groups.campaign_id
        and arms.campaign_version = groups.campaign_version
        and arms.arm_code = groups.arm_code
