-- One row per campaign, arm, segment, window and metric: the effect against those who were held out.
{{ config(scope='all') }}

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
from {{ ref('int_campaign_effects__delta') }}
