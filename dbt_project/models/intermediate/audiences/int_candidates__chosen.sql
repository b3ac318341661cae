-- One row per candidate with the treatment that its arm takes for it: the one of the highest expected profit among
-- those that pass the most of the waterfall's tests; and the first test that none passes.
{{ config(materialized='table', post_hook=analyze(this)) }}

with

candidates as (

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
    from {{ ref('int_candidates__drawn') }}

),

erasures as (

    select user_id
    from {{ source('ledger', 'erasures') }}

),

-- Of equal profit the lower rung of the ladder is taken, and of copies of one action the person's own draw.
ranked_choices as (

    select
        candidate_number,
        channel,
        offer_code,
        variant_code,
        contact_id,
        expected_profit_amount,
        expected_cost_amount,
        worth_reason_code,
        passed_count,
        row_number() over (
            partition by candidate_number
            order by
                passed_count desc,
                case when worth_reason_code = 'no_action' then 1 else 0 end,
                case when expected_profit_amount is null then 1 else 0 end,
                expected_profit_amount desc,
                action_rank,
                action_number,
                variant_hash desc,
                choice_number
        ) as choice_rank
    from {{ ref('int_choices__judged') }}

)

select
    candidates.candidate_number,
    candidates.campaign_id,
    candidates.campaign_version,
    candidates.priority,
    candidates.cool_down_days,
    candidates.step_number,
    candidates.user_id,
    candidates.line_id,
    candidates.episode_number,
    candidates.last_key_date,
    candidates.lapsed_date,
    candidates.person_id,
    candidates.arm_code,
    candidates.is_global_holdout,
    candidates.is_campaign_holdout,
    choices.channel,
    choices.offer_code,
    choices.variant_code,
    choices.contact_id,
    choices.expected_profit_amount,
    choices.expected_cost_amount,
    case
        when erasures.user_id is not null then 'erased'
        when choices.passed_count = 0 then 'no_consent'
        when choices.passed_count = 1 then 'unreachable'
        when not candidates.is_open then 'already_returned'
        when choices.passed_count = 2 then 'gaming'
        when choices.passed_count = 3 then 'not_worth_recalling'
        when choices.passed_count = 4 then 'channel_policy'
        when choices.passed_count = 5 then 'contact_cap'
    end as reason_code,
    case
        when erasures.user_id is null and candidates.is_open and choices.passed_count = 3
            then choices.worth_reason_code
    end as worth_reason_code
from candidates
left join ranked_choices as choices
    on
        candidates.candidate_number = choices.candidate_number
        and choices.choice_rank = 1
left join erasures
    on candidates.user_id = erasures.user_id
