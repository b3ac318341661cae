-- One row per candidate: its person, and the arm and holdouts that the person was or is now drawn into.
-- What the ledger has stored wins; everything else follows from hashes of the campaign and the person alone.
{{ config(materialized='table', post_hook=analyze(this)) }}

with

due as (

    select
        candidate_number,
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
    from {{ ref('int_candidates__due') }}

),

persons as (

    select
        user_id,
        person_id
    from {{ ref('int_persons__resolved') }}

),

assignments as (

    select
        campaign_id,
        person_id,
        arm_code,
        is_global_holdout,
        is_campaign_holdout
    from {{ source('ledger', 'assignments') }}

),

global_holdouts as (

    select
        person_id,
        is_global_holdout
    from {{ source('ledger', 'global_holdouts') }}

),

arms as (

    select
        campaign_id,
        campaign_version,
        arm_code,
        hash_begin,
        hash_end
    from {{ source('definitions', 'campaign_arms') }}

),

-- Three draws that know nothing of each other: each has a word of its own in its hash.
hashed as (

    select
        due.candidate_number,
        due.campaign_id,
        due.campaign_version,
        due.priority,
        due.cool_down_days,
        due.holdout_hash_end,
        due.step_number,
        due.user_id,
        due.line_id,
        due.episode_number,
        due.last_key_date,
        due.lapsed_date,
        due.is_open,
        persons.person_id,
        {{ hash_number("'global_holdout:' || persons.person_id") }} as global_holdout_hash,
        {{ hash_number("'campaign_holdout:' || due.campaign_id || ':' || persons.person_id") }}
            as campaign_holdout_hash,
        {{ hash_number("'arm:' || due.campaign_id || ':' || persons.person_id") }} as arm_hash
    from due
    inner join persons
        on due.user_id = persons.user_id

),

globally_drawn as (

    select
        hashed.candidate_number,
        hashed.campaign_id,
        hashed.campaign_version,
        hashed.priority,
        hashed.cool_down_days,
        hashed.holdout_hash_end,
        hashed.step_number,
        hashed.user_id,
        hashed.line_id,
        hashed.episode_number,
        hashed.last_key_date,
        hashed.lapsed_date,
        hashed.is_open,
        hashed.person_id,
        hashed.campaign_holdout_hash,
        hashed.arm_hash,
        assignments.arm_code as stored_arm_code,
        assignments.is_campaign_holdout as stored_is_campaign_holdout,
        coalesce(
            assignments.is_global_holdout,
            global_holdouts.is_global_holdout,
            hashed.global_holdout_hash < {{ global_holdout_hash_end() }}
        ) as is_global_holdout
    from hashed
    left join assignments
        on
            hashed.campaign_id = assignments.campaign_id
            and hashed.person_id = assignments.person_id
    left join global_holdouts
        on hashed.person_id = global_holdouts.person_id

),

final as (

    select
        drawn.candidate_number,
        drawn.campaign_id,
        drawn.campaign_version,
        drawn.priority,
        drawn.cool_down_days,
        drawn.step_number,
        drawn.user_id,
        drawn.line_id,
        drawn.episode_number,
        drawn.last_key_date,
        drawn.lapsed_date,
        drawn.is_open,
        drawn.person_id,
        arms.arm_code,
        drawn.is_global_holdout,
        coalesce(
            drawn.stored_is_campaign_holdout,
            not drawn.is_global_holdout and drawn.campaign_holdout_hash < drawn.holdout_hash_end
        ) as is_campaign_holdout
    from globally_drawn as drawn
    left join arms
        on
            drawn.campaign_id = arms.campaign_id
            and drawn.campaign_version = arms.campaign_version
            and (
                drawn.stored_arm_code = arms.arm_code
                or (
                    drawn.stored_arm_code is null
                    and drawn.arm_hash >= arms.hash_begin
                    and drawn.arm_hash < arms.hash_end
                )
            )

)

select
    candidate_number,
    campaign_id,
    campaign_version,
    priority,
    cool_down_days,
    step_number,
    user_id,
    line_id,
    episode_number,
    last_key_date,
    lapsed_date,
    is_open,
    person_id,
    arm_code,
    is_global_holdout,
    is_campaign_holdout
from final
