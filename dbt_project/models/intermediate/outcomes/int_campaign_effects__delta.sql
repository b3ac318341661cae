-- One row per campaign, arm, segment, window and metric: the effect against those who were held out.
{{ config(materialized='table') }}

with

rules as (

    {{ effect_rules_in_force() }}

),

compared as (

    select
        campaign_id,
        comparison_code,
        arm_code,
        segment_type,
        segment_code,
        window_days,
        metric_code,
        is_money,
        treated_count,
        control_count,
        immature_count,
        treated_event_count,
        control_event_count,
        treated_mean,
        control_mean,
        treated_mean_variance,
        control_mean_variance,
        welch_term
    from {{ ref('int_effects__compared') }}

),

checks as (

    select
        campaign_id,
        touched_as_both_count,
        mismatch_p,
        has_visits
    from {{ ref('int_campaigns__checked') }}

),

controlled_groups as (

    select
        campaign_id,
        comparison_code
    from {{ ref('int_effect_strata__summed') }}
    where is_control
    group by
        campaign_id,
        comparison_code

),

estimates as (

    select
        campaign_id,
        comparison_code,
        arm_code,
        segment_type,
        segment_code,
        window_days,
        metric_code,
        metric_code as base_metric_code,
        is_money,
        treated_count,
        control_count,
        immature_count,
        treated_event_count,
        control_event_count,
        treated_mean,
        control_mean,
        treated_mean_variance,
        control_mean_variance,
        welch_term
    from compared

    union all

    -- Adjusted means stand on the same users and events as the plain ones.
    select
        compared.campaign_id,
        compared.comparison_code,
        compared.arm_code,
        compared.segment_type,
        compared.segment_code,
        compared.window_days,
        compared.metric_code || '_cuped' as metric_code,
        compared.metric_code as base_metric_code,
        compared.is_money,
        compared.treated_count,
        compared.control_count,
        compared.immature_count,
        compared.treated_event_count,
        compared.control_event_count,
        adjusted.treated_mean,
        adjusted.control_mean,
        adjusted.treated_mean_variance,
        adjusted.control_mean_variance,
        adjusted.welch_term
    from compared
    inner join {{ ref('int_effects__adjusted') }} as adjusted
        on
            compared.campaign_id = adjusted.campaign_id
            and compared.arm_code = adjusted.arm_code
            and compared.segment_type = adjusted.segment_type
            and compared.segment_code = adjusted.segment_code
            and compared.window_days = adjusted.window_days
            and compared.metric_code = adjusted.metric_code

),

judged as (

    select
        estimates.campaign_id,
        estimates.arm_code,
        estimates.segment_type,
        estimates.segment_code,
        estimates.window_days,
        estimates.metric_code,
        estimates.treated_count,
        estimates.control_count,
        estimates.immature_count,
        estimates.treated_mean,
        estimates.control_mean,
        estimates.treated_mean_variance,
        estimates.control_mean_variance,
        estimates.welch_term,
        rules.sequential_user_count,
        checks.touched_as_both_count,
        checks.mismatch_p,
        coalesce(checks.mismatch_p < rules.mismatch_limit, false) as is_mismatched,
        (checks.has_visits or estimates.base_metric_code <> 'visit_rate') as is_measured,
        case
            when checks.mismatch_p < rules.mismatch_limit then 'arms are not as large as they were drawn'
            when not checks.has_visits and estimates.base_metric_code = 'visit_rate' then 'no visits in the inputs'
            when controlled_groups.campaign_id is null then 'no control'
            when estimates.treated_count + estimates.control_count = 0 then 'no window has ended'
            else
                {{ too_few_events(
                    'estimates.treated_event_count', 'estimates.treated_count',
                    'estimates.control_event_count', 'estimates.control_count',
                    'estimates.is_money', 'rules.min_event_count'
                ) }}
        end as not_estimable_reason,
        {{ is_rough(
            'estimates.treated_event_count', 'estimates.treated_count',
            'estimates.control_event_count', 'estimates.control_count',
            'estimates.is_money', 'rules'
        ) }} as is_rough
    from estimates
    cross join rules
    inner join checks
        on estimates.campaign_id = checks.campaign_id
    left join controlled_groups
        on
            estimates.campaign_id = controlled_groups.campaign_id
            and estimates.comparison_code = controlled_groups.comparison_code

),

-- From here on a row that is not estimable carries nulls, and every formula passes them through.
lifts as (

    select
        judged.*,
        case when not_estimable_reason is null then treated_mean - control_mean end as lift,
        case when not_estimable_reason is null then treated_mean_variance + control_mean_variance end as lift_variance,
        case
            when not_estimable_reason is null
                then
                    {{ relative_variance(
                        'treated_mean', 'treated_mean_variance', 'control_mean', 'control_mean_variance'
                    ) }}
        end as relative_variance
    from judged

),

quantiles as (

    select
        lifts.*,
        {{ student_t_quantile(welch_degrees_of_freedom('lift_variance', 'welch_term')) }} as t_quantile
    from lifts

),

widths as (

    select
        quantiles.*,
        lift / nullif(control_mean, 0) as relative_lift,
        t_quantile * sqrt(lift_variance) as lift_width,
        t_quantile * sqrt(relative_variance) as relative_width,
        {{ sequential_half_width(
            'sqrt(lift_variance)', 'cast(treated_count + control_count as ' ~ numeric_type() ~ ')',
            'sequential_user_count'
        ) }} as sequential_width
    from quantiles

)

select
    campaign_id,
    arm_code,
    segment_type,
    segment_code,
    window_days,
    metric_code,
    cast(treated_count as integer) as treated_count,
    cast(control_count as integer) as control_count,
    cast(immature_count as integer) as immature_count,
    cast(touched_as_both_count as integer) as touched_as_both_count,
    round(case when is_measured and not is_mismatched then treated_mean end, 12) as treated_mean,
    round(case when is_measured and not is_mismatched then control_mean end, 12) as control_mean,
    round(lift, 12) as lift,
    round(lift - lift_width, 12) as lift_low,
    round(lift + lift_width, 12) as lift_high,
    round(relative_lift, 12) as relative_lift,
    round(relative_lift - relative_width, 12) as relative_lift_low,
    round(relative_lift + relative_width, 12) as relative_lift_high,
    round(lift - sequential_width, 12) as sequential_low,
    round(lift + sequential_width, 12) as sequential_high,
    not_estimable_reason is null as is_estimable,
    not_estimable_reason,
    (not_estimable_reason is null and is_rough) as is_approximate,
    mismatch_p
from widths
