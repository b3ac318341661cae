-- One row per campaign: recalled N, caused M, earned P, over the campaign's own window.
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

last_touches as (

    select
        campaign_id,
        return_count,
        contribution_amount
    from {{ ref('int_last_touches__credited') }}

),

-- Groups of arms have controls of their own, so what they caused and how it varies adds up.
campaigns as (

    select
        campaign_id,
        window_days,
        sum(treated_count) as treated_count,
        sum(control_count) as control_count,
        sum(immature_count) as immature_count,
        sum(aimed_count) as aimed_count,
        sum(returned_count) as returned_count,
        sum(cost_amount) as cost_amount,
        sum(unknown_cost_count) as unknown_cost_count,
        sum(case when aimed_count > 0 then caused_count end) as caused_count,
        sum(case when aimed_count > 0 then caused_variance end) as caused_variance,
        sum(case when aimed_count > 0 then caused_term end) as caused_term,
        min(caused_reason) as caused_reason,
        sum(case when treated_count > 0 then gross_amount end) as gross_amount,
        sum(case when treated_count > 0 then gross_variance end) as gross_variance,
        sum(cost_variance) as cost_variance,
        sum(gross_cost_covariance) as gross_cost_covariance,
        sum(profit_term) as profit_term,
        min(profit_reason) as profit_reason,
        max(case when is_caused_rough then 1 else 0 end) = 1 as is_caused_rough,
        max(case when is_profit_rough then 1 else 0 end) = 1 as is_profit_rough
    from {{ ref('int_profit_groups__compared') }}
    where treated_count + immature_count > 0
    group by
        campaign_id,
        window_days

),

judged as (

    select
        campaigns.*,
        checks.mismatch_p,
        last_touches.return_count as last_touch_count,
        last_touches.contribution_amount as last_touch_amount,
        case
            when checks.mismatch_p < rules.mismatch_limit then 'arms are not as large as they were drawn'
            when campaigns.aimed_count = 0 and campaigns.treated_count > 0 then 'nobody had an open episode'
            when campaigns.aimed_count = 0 then 'no window has ended'
            else campaigns.caused_reason
        end as caused_not_estimable_reason,
        case
            when checks.mismatch_p < rules.mismatch_limit then 'arms are not as large as they were drawn'
            when campaigns.treated_count = 0 then 'no window has ended'
            when campaigns.profit_reason is not null then campaigns.profit_reason
            when campaigns.unknown_cost_count > 0 then 'a cost is not known'
        end as profit_not_estimable_reason
    from campaigns
    cross join rules
    inner join checks
        on campaigns.campaign_id = checks.campaign_id
    left join last_touches
        on campaigns.campaign_id = last_touches.campaign_id

),

estimated as (

    select
        judged.*,
        case when caused_not_estimable_reason is null then caused_count end as caused,
        case when caused_not_estimable_reason is null then caused_variance end as variance_of_caused,
        case when profit_not_estimable_reason is null then gross_amount - cost_amount end as profit,
        case
            when profit_not_estimable_reason is null
                then gross_variance + cost_variance - 2 * gross_cost_covariance
        end as variance_of_profit,
        case when profit_not_estimable_reason is null then gross_amount / nullif(cost_amount, 0) end as gross_per_cost
    from judged

),

widths as (

    select
        estimated.*,
        {{ student_t_quantile(welch_degrees_of_freedom('variance_of_caused', 'caused_term')) }}
        * sqrt(variance_of_caused) as caused_width,
        {{ student_t_quantile(welch_degrees_of_freedom('variance_of_profit', 'profit_term')) }}
        * sqrt(variance_of_profit) as profit_width,
        -- The delta method for a quotient of two sums over the same users.
        {{ student_t_quantile(welch_degrees_of_freedom('variance_of_profit', 'profit_term')) }}
        * sqrt(greatest(
            gross_variance - 2 * gross_per_cost * gross_cost_covariance + power(gross_per_cost, 2) * cost_variance,
            case when gross_per_cost is not null then 0 end
        ))
        / nullif(cost_amount, 0) as roi_width
    from estimated

)

select
    campaign_id,
    window_days,
    cast(treated_count as integer) as treated_count,
    cast(control_count as integer) as control_count,
    cast(immature_count as integer) as immature_count,
    cast(returned_count as integer) as recalled_count,
    round(caused, 6) as caused_count,
    round(caused - caused_width, 6) as caused_low,
    round(caused + caused_width, 6) as caused_high,
    caused_not_estimable_reason,
    coalesce(last_touch_count, 0) as last_touch_count,
    {{ plain_amount('coalesce(last_touch_amount, 0)') }} as last_touch_amount,
    case when unknown_cost_count = 0 then {{ plain_amount('cost_amount') }} end as cost_amount,
    case when profit is not null then round(gross_amount, 6) end as incremental_contribution_amount,
    round(profit, 6) as incremental_profit_amount,
    round(profit - profit_width, 6) as incremental_profit_low,
    round(profit + profit_width, 6) as incremental_profit_high,
    round(gross_per_cost - 1, 6) as roi,
    round(gross_per_cost - 1 - roi_width, 6) as roi_low,
    round(gross_per_cost - 1 + roi_width, 6) as roi_high,
    case when caused > 0 and unknown_cost_count = 0 then round(cost_amount / caused, 6) end as cost_per_caused_amount,
    profit_not_estimable_reason,
    (
        (caused_not_estimable_reason is null and is_caused_rough)
        or (profit_not_estimable_reason is null and is_profit_rough)
    ) as is_approximate,
    mismatch_p
from widths
