-- One row per imported campaign, arm, segment, window and metric: the effect against the campaign's control.
{{ config(materialized='table') }}

with

summaries as (

    select
        campaign_id,
        arm_code,
        is_control,
        segment_type,
        segment_code,
        window_days,
        metric_code,
        is_money,
        matured_count,
        immature_count,
        event_count,
        metric_mean,
        metric_variance
    from {{ ref('int_campaign_outcomes__summarised') }}

),

controlled_campaigns as (

    select campaign_id
    from summaries
    where is_control
    group by campaign_id

),

visits as (

    select count(*) as visit_count
    from (
        select 1
        from {{ ref('stg_landing__visits') }}
        limit 1
    ) as any_visit

),

mixed_users as (

    select
        campaign_id,
        user_id
    from {{ ref('stg_landing__touches') }}
    group by
        campaign_id,
        user_id
    having count(distinct is_control) > 1

),

mixed_counts as (

    select
        campaign_id,
        count(*) as touched_as_both_count
    from mixed_users
    group by campaign_id

),

compared as (

    select
        treated.campaign_id,
        treated.arm_code,
        treated.segment_type,
        treated.segment_code,
        treated.window_days,
        treated.metric_code,
        cast(treated.matured_count as {{ numeric_type() }}) as treated_count,
        cast(coalesce(control.matured_count, 0) as {{ numeric_type() }}) as control_count,
        treated.immature_count + coalesce(control.immature_count, 0) as immature_count,
        coalesce(mixed_counts.touched_as_both_count, 0) as touched_as_both_count,
        treated.metric_mean as treated_mean,
        treated.metric_variance as treated_variance,
        control.metric_mean as control_mean,
        control.metric_variance as control_variance,
        case
            when treated.metric_code = 'visit_rate' and visits.visit_count = 0
                then 'no visits in the inputs'
            when controlled_campaigns.campaign_id is null
                then 'no control'
            when
                least(treated.event_count, coalesce(control.event_count, 0)) < {{ min_event_count() }}
                then 'fewer than {{ min_event_count() }} users with an event in an arm'
            when
                not treated.is_money
                and least(
                    treated.matured_count - treated.event_count, control.matured_count - control.event_count
                ) < {{ min_event_count() }}
                then 'fewer than {{ min_event_count() }} users without an event in an arm'
        end as not_estimable_reason,
        least(
            treated.event_count,
            control.event_count,
            case when not treated.is_money then treated.matured_count - treated.event_count end,
            case when not treated.is_money then control.matured_count - control.event_count end
        ) < {{ approximate_event_count('treated.is_money') }} as is_small
    from summaries as treated
    cross join visits
    left join summaries as control
        on
            treated.campaign_id = control.campaign_id
            and treated.segment_type = control.segment_type
            and treated.segment_code = control.segment_code
            and treated.window_days = control.window_days
            and treated.metric_code = control.metric_code
            and control.is_control
    left join controlled_campaigns
        on treated.campaign_id = controlled_campaigns.campaign_id
    left join mixed_counts
        on treated.campaign_id = mixed_counts.campaign_id
    where not treated.is_control

),

-- From here on a row that is not estimable carries nulls, and every formula passes them through.
estimated as (

    select
        compared.*,
        not_estimable_reason is null as is_estimable,
        case when not_estimable_reason is null then treated_mean - control_mean end as lift,
        case
            when not_estimable_reason is null
                then
                    {{ difference_standard_error(
                        'treated_variance', 'treated_count', 'control_variance', 'control_count'
                    ) }}
        end as lift_error,
        case
            when not_estimable_reason is null
                then
                    {{ relative_standard_error(
                        'treated_mean', 'treated_variance', 'treated_count',
                        'control_mean', 'control_variance', 'control_count'
                    ) }}
        end as relative_error,
        case
            when not_estimable_reason is null
                then
                    {{ welch_degrees_of_freedom(
                        'treated_variance', 'treated_count', 'control_variance', 'control_count'
                    ) }}
        end as degrees_of_freedom
    from compared

),

widths as (

    select
        estimated.*,
        lift / nullif(control_mean, 0) as relative_lift,
        {{ student_t_quantile('degrees_of_freedom') }} * lift_error as lift_width,
        {{ student_t_quantile('degrees_of_freedom') }} * relative_error as relative_width,
        {{ sequential_half_width('lift_error', '(treated_count + control_count)') }} as sequential_width
    from estimated

),

final as (

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
        case when not_estimable_reason like 'no visits%' then null else treated_mean end as treated_mean,
        case when not_estimable_reason like 'no visits%' then null else control_mean end as control_mean,
        lift,
        lift - lift_width as lift_low,
        lift + lift_width as lift_high,
        relative_lift,
        relative_lift - relative_width as relative_lift_low,
        relative_lift + relative_width as relative_lift_high,
        lift - sequential_width as sequential_low,
        lift + sequential_width as sequential_high,
        is_estimable,
        not_estimable_reason,
        (is_estimable and is_small) as is_approximate,
        cast(null as {{ numeric_type() }}) as mismatch_p
    from widths

)

select
    campaign_id,
    arm_code,
    segment_type,
    segment_code,
    window_days,
    metric_code,
    treated_count,
    control_count,
    immature_count,
    touched_as_both_count,
    treated_mean,
    control_mean,
    lift,
    lift_low,
    lift_high,
    relative_lift,
    relative_lift_low,
    relative_lift_high,
    sequential_low,
    sequential_high,
    is_estimable,
    not_estimable_reason,
    is_approximate,
    mismatch_p
from final
