-- One row per campaign and group of arms that share a control: what they caused and earned, and how sure that is.
{{ config(materialized='table') }}

with

rules as (

    {{ effect_rules_in_force() }}

),

arms as (

    select
        campaign_id,
        comparison_code,
        arm_code,
        is_control,
        window_days,
        cast(user_count as {{ numeric_type() }}) as user_count,
        immature_count,
        cast(aimed_count as {{ numeric_type() }}) as aimed_count,
        cast(returned_count as {{ numeric_type() }}) as returned_count,
        contribution_count,
        contribution_total,
        contribution_square_total,
        cost_total,
        cost_square_total,
        contribution_cost_total,
        unknown_cost_count
    from {{ ref('int_profit_arms__summed') }}

),

-- A sum over n users varies by n times the variance of one; of a single user's nothing is known, and nothing is added.
varied as (

    select
        campaign_id,
        comparison_code,
        is_control,
        window_days,
        user_count,
        immature_count,
        aimed_count,
        returned_count,
        contribution_count,
        contribution_total,
        cost_total,
        unknown_cost_count,
        returned_count / nullif(aimed_count, 0) as return_mean,
        contribution_total / nullif(user_count, 0) as contribution_mean,
        {{ sample_variance('aimed_count', 'returned_count', 'returned_count') }} as return_variance,
        {{ sample_variance('user_count', 'contribution_total', 'contribution_square_total') }}
            as contribution_variance,
        {{ sample_variance('user_count', 'cost_total', 'cost_square_total') }} as cost_variance,
        {{ sample_covariance('user_count', 'contribution_total', 'cost_total', 'contribution_cost_total') }}
            as contribution_cost_covariance
    from arms

),

controls as (

    select
        campaign_id,
        comparison_code,
        user_count,
        immature_count,
        aimed_count,
        returned_count,
        contribution_count,
        return_mean,
        contribution_mean,
        return_variance,
        contribution_variance
    from varied
    where is_control

),

treated as (

    select
        campaign_id,
        comparison_code,
        window_days,
        sum(user_count) as user_count,
        sum(immature_count) as immature_count,
        sum(aimed_count) as aimed_count,
        sum(returned_count) as returned_count,
        sum(contribution_count) as contribution_count,
        sum(contribution_total) as contribution_total,
        sum(cost_total) as cost_total,
        sum(unknown_cost_count) as unknown_cost_count,
        sum(aimed_count * return_variance) as return_variance,
        sum({{ welch_term('aimed_count * return_variance', 'aimed_count') }}) as return_term,
        sum(user_count * contribution_variance) as contribution_variance,
        sum(user_count * cost_variance) as cost_variance,
        sum(user_count * contribution_cost_covariance) as contribution_cost_covariance,
        sum(
            {{ welch_term(
                'user_count * (contribution_variance + cost_variance - 2 * contribution_cost_covariance)', 'user_count'
            ) }}
        ) as profit_term
    from varied
    where not is_control
    group by
        campaign_id,
        comparison_code,
        window_days

),

final as (

    select
        treated.campaign_id,
        treated.comparison_code,
        treated.window_days,
        treated.user_count as treated_count,
        coalesce(controls.user_count, 0) as control_count,
        treated.immature_count + coalesce(controls.immature_count, 0) as immature_count,
        treated.aimed_count,
        treated.returned_count,
        treated.cost_total as cost_amount,
        treated.unknown_cost_count,

        -- returns
        treated.returned_count - treated.aimed_count * controls.return_mean as caused_count,
        treated.return_variance + power(treated.aimed_count, 2) * controls.return_variance / controls.aimed_count
            as caused_variance,
        treated.return_term
        + {{ welch_term(
            '(power(treated.aimed_count, 2) * controls.return_variance / controls.aimed_count)', 'controls.aimed_count'
        ) }} as caused_term,

        -- money: the arms share their control, and what a user cost goes with what the user brought
        treated.contribution_total - treated.user_count * controls.contribution_mean as gross_amount,
        treated.contribution_variance
        + power(treated.user_count, 2) * controls.contribution_variance / controls.user_count as gross_variance,
        treated.cost_variance,
        treated.contribution_cost_covariance as gross_cost_covariance,
        treated.profit_term
        + {{ welch_term(
            '(power(treated.user_count, 2) * controls.contribution_variance / controls.user_count)',
            'controls.user_count'
        ) }} as profit_term,

        -- may it be said?
        case when controls.campaign_id is null then 'no control' end as missing_reason,
        {{ too_few_events(
            'treated.returned_count', 'treated.aimed_count',
            'coalesce(controls.returned_count, 0)', 'coalesce(controls.aimed_count, 0)',
            'false', 'rules.min_event_count'
        ) }} as caused_reason,
        {{ too_few_events(
            'treated.contribution_count', 'treated.user_count',
            'coalesce(controls.contribution_count, 0)', 'coalesce(controls.user_count, 0)',
            'true', 'rules.min_event_count'
        ) }} as profit_reason,
        {{ is_rough(
            'treated.returned_count', 'treated.aimed_count',
            'coalesce(controls.returned_count, 0)', 'coalesce(controls.aimed_count, 0)', 'false', 'rules'
        ) }} as is_caused_rough,
        {{ is_rough(
            'treated.contribution_count', 'treated.user_count',
            'coalesce(controls.contribution_count, 0)', 'coalesce(controls.user_count, 0)', 'true', 'rules'
        ) }} as is_profit_rough
    from treated
    cross join rules
    left join controls
        on
            treated.campaign_id = controls.campaign_id
            and treated.comparison_code = controls.comparison_code

)

select
    campaign_id,
    comparison_code,
    window_days,
    treated_count,
    control_count,
    immature_count,
    aimed_count,
    returned_count,
    {{ plain_amount('cost_amount') }} as cost_amount,
    unknown_cost_count,
    {{ plain_amount('caused_count') }} as caused_count,
    {{ plain_amount('caused_variance') }} as caused_variance,
    {{ plain_amount('caused_term') }} as caused_term,
    {{ plain_amount('gross_amount') }} as gross_amount,
    {{ plain_amount('gross_variance') }} as gross_variance,
    {{ plain_amount('cost_variance') }} as cost_variance,
    {{ plain_amount('gross_cost_covariance') }} as gross_cost_covariance,
    {{ plain_amount('profit_term') }} as profit_term,
    case when aimed_count > 0 then coalesce(missing_reason, caused_reason) end as caused_reason,
    case when treated_count > 0 then coalesce(missing_reason, profit_reason) end as profit_reason,
    aimed_count > 0 and is_caused_rough as is_caused_rough,
    treated_count > 0 and is_profit_rough as is_profit_rough
from final
