-- One row per arm of a current version of our campaigns: how far it is behind the best of the same treatments, by the
-- anytime-valid interval, since it is looked at every night, or why that cannot be said.
{{ config(materialized='table') }}

with

rules as (

    {{ effect_rules_in_force() }}

),

checks as (

    select
        campaign_id,
        mismatch_p
    from {{ ref('int_campaigns__checked') }}

),

arms as (

    select
        campaign_id,
        comparison_code,
        arm_code,
        group_arm_count,
        user_count,
        event_count,
        unknown_cost_count,
        profit_mean,
        profit_mean_variance
    from {{ ref('int_arms__valued') }}

),

-- What keeps a whole group from being compared.
groups as (

    select
        arms.campaign_id,
        arms.comparison_code,
        coalesce(min(checks.mismatch_p) < max(rules.mismatch_limit), false) as is_mismatched,
        case
            when max(arms.group_arm_count) < 2 then 'no other arm of the same treatments'
            when min(checks.mismatch_p) < max(rules.mismatch_limit) then 'arms are not as large as they were drawn'
            when max(arms.unknown_cost_count) > 0 then 'a cost is not known'
            when min(arms.user_count) = 0 then 'no window has ended'
            when min(arms.event_count) < max(rules.min_event_count)
                then 'fewer than ' || {{ as_text('max(rules.min_event_count)') }} || ' users with an event in an arm'
            when min(arms.profit_mean_variance) is null or min(arms.profit_mean_variance) <= 0
                then 'what persons bring does not vary'
        end as not_comparable_reason
    from arms
    cross join rules
    left join checks
        on arms.campaign_id = checks.campaign_id
    group by
        arms.campaign_id,
        arms.comparison_code

),

ranked as (

    select
        arms.campaign_id,
        arms.comparison_code,
        arms.arm_code,
        arms.user_count,
        arms.profit_mean,
        arms.profit_mean_variance,
        groups.is_mismatched,
        groups.not_comparable_reason,
        row_number() over (
            partition by arms.campaign_id, arms.comparison_code
            order by arms.profit_mean desc nulls last, arms.arm_code
        ) as arm_rank
    from arms
    inner join groups
        on
            arms.campaign_id = groups.campaign_id
            and arms.comparison_code = groups.comparison_code

),

best as (

    select
        campaign_id,
        comparison_code,
        user_count,
        profit_mean,
        profit_mean_variance
    from ranked
    where
        arm_rank = 1
        and not_comparable_reason is null

),

final as (

    select
        ranked.campaign_id,
        ranked.comparison_code,
        ranked.arm_code,
        ranked.is_mismatched,
        ranked.not_comparable_reason,
        (ranked.arm_rank = 1 and ranked.not_comparable_reason is null) as is_best,
        case when ranked.arm_rank > 1 then best.profit_mean - ranked.profit_mean end as behind_amount,
        case
            when ranked.arm_rank > 1
                then {{ sequential_half_width(
                    'sqrt(best.profit_mean_variance + ranked.profit_mean_variance)',
                    '(best.user_count + ranked.user_count)',
                    'rules.sequential_user_count',
                ) }}
        end as half_width
    from ranked
    cross join rules
    left join best
        on
            ranked.campaign_id = best.campaign_id
            and ranked.comparison_code = best.comparison_code

)

select
    campaign_id,
    comparison_code,
    arm_code,
    is_mismatched,
    not_comparable_reason,
    is_best,
    behind_amount,
    half_width,
    coalesce(behind_amount - half_width > 0, false) as is_clearly_behind
from final
