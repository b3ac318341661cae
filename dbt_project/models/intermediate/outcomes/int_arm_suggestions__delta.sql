-- One row per arm of a current version of our campaigns: the share of persons that it draws and the suggested one.
-- Explore, then commit: an arm that is clearly behind the best keeps a small share, to go on being measured, and what
-- it gives up goes to the others in proportion to theirs. As long as nothing is clear, nothing moves.
{{ config(materialized='table') }}

with

rules as (

    {{ effect_rules_in_force() }}

),

arms as (

    select
        arms.campaign_id,
        arms.campaign_version,
        arms.comparison_code,
        arms.arm_code,
        arms.share_now,
        arms.group_share,
        arms.user_count,
        arms.immature_count,
        case when not compared.is_mismatched and arms.unknown_cost_count = 0 then arms.profit_mean end as profit_mean,
        case
            when
                not compared.is_mismatched
                and arms.unknown_cost_count = 0
                and arms.event_count >= rules.min_event_count
                and arms.user_count > 1
                then
                    {{ student_t_quantile('(arms.user_count - 1)') }}
                    * sqrt(arms.profit_mean_variance)
        end as profit_half_width,
        compared.not_comparable_reason,
        compared.is_best,
        compared.is_clearly_behind,
        compared.behind_amount,
        compared.half_width,
        chances.best_probability,
        case
            when compared.is_clearly_behind then least(arms.share_now, rules.kept_arm_share * arms.group_share)
        end as kept_share
    from {{ ref('int_arms__valued') }} as arms
    cross join rules
    inner join {{ ref('int_arms__compared') }} as compared
        on
            arms.campaign_id = compared.campaign_id
            and arms.comparison_code = compared.comparison_code
            and arms.arm_code = compared.arm_code
    left join {{ ref('int_arms__integrated') }} as chances
        on
            arms.campaign_id = chances.campaign_id
            and arms.comparison_code = chances.comparison_code
            and arms.arm_code = chances.arm_code

),

-- What is left for the others, and what they draw now.
grouped as (

    select
        arms.*,
        group_share - coalesce(sum(kept_share) over (partition by campaign_id, comparison_code), 0) as open_share,
        sum(case when kept_share is null then share_now else 0 end)
            over (partition by campaign_id, comparison_code) as open_share_now
    from arms

)

select
    campaign_id,
    arm_code,
    campaign_version,
    comparison_code,
    cast(user_count as integer) as treated_count,
    cast(immature_count as integer) as immature_count,
    round(profit_mean, 6) as profit_per_person_amount,
    round(profit_mean - profit_half_width, 6) as profit_per_person_low,
    round(profit_mean + profit_half_width, 6) as profit_per_person_high,
    round(behind_amount, 6) as behind_best_amount,
    round(behind_amount - half_width, 6) as behind_best_low,
    round(behind_amount + half_width, 6) as behind_best_high,
    best_probability as probability_best,
    round(share_now, 6) as share_now,
    round(coalesce(kept_share, share_now * open_share / open_share_now), 6) as suggested_share,
    case
        when not_comparable_reason is not null then not_comparable_reason
        when is_clearly_behind then 'clearly behind the best'
        when is_best then 'the best so far'
        else 'not decided yet'
    end as reason_code
from grouped
