-- One row per campaign, treated arm, segment, window and metric: arm and control side by side, plain and winsorised.
{{ config(materialized='table') }}

with

sides as (

    select
        campaign_id,
        comparison_code,
        arm_code,
        is_control,
        segment_type,
        segment_code,
        window_days,
        metric_code,
        is_money,
        is_adjusted,
        sum(immature_count) as immature_count,
        sum(user_count) as user_count,
        sum(event_count) as event_count,
        sum(y_total) as y_total,
        sum(y_square_total) as y_square_total
    from {{ ref('int_effect_strata__summed') }}
    group by
        campaign_id,
        comparison_code,
        arm_code,
        is_control,
        segment_type,
        segment_code,
        window_days,
        metric_code,
        is_money,
        is_adjusted

),

means as (

    select
        campaign_id,
        comparison_code,
        arm_code,
        is_control,
        segment_type,
        segment_code,
        window_days,
        metric_code,
        is_money,
        is_adjusted,
        immature_count,
        user_count,
        event_count,
        y_total / nullif(user_count, 0) as metric_mean,
        {{ sample_variance('user_count', 'y_total', 'y_square_total') }} / nullif(user_count, 0) as mean_variance
    from sides

),

controls as (

    select
        campaign_id,
        comparison_code,
        segment_type,
        segment_code,
        window_days,
        metric_code,
        immature_count,
        user_count,
        event_count,
        metric_mean,
        mean_variance
    from means
    where is_control

),

final as (

    select
        treated.campaign_id,
        treated.comparison_code,
        treated.arm_code,
        treated.segment_type,
        treated.segment_code,
        treated.window_days,
        treated.metric_code,
        treated.is_money,
        treated.is_adjusted,
        treated.user_count as treated_count,
        coalesce(controls.user_count, 0) as control_count,
        treated.immature_count + coalesce(controls.immature_count, 0) as immature_count,
        treated.event_count as treated_event_count,
        coalesce(controls.event_count, 0) as control_event_count,
        treated.metric_mean as treated_mean,
        controls.metric_mean as control_mean,
        treated.mean_variance as treated_mean_variance,
        controls.mean_variance as control_mean_variance,
        {{ welch_term('treated.mean_variance', 'treated.user_count') }}
        + {{ welch_term('controls.mean_variance', 'controls.user_count') }} as welch_term
    from means as treated
    left join controls
        on
            treated.campaign_id = controls.campaign_id
            and treated.comparison_code = controls.comparison_code
            and treated.segment_type = controls.segment_type
            and treated.segment_code = controls.segment_code
            and treated.window_days = controls.window_days
            and treated.metric_code = controls.metric_code
    where not treated.is_control

)

select
    campaign_id,
    comparison_code,
    arm_code,
    segment_type,
    segment_code,
    window_days,
    metric_code,
    is_money,
    is_adjusted,
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
from final
