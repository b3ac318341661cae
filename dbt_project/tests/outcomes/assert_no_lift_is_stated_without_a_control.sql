-- A lift needs a control: no row without one may carry an estimate, and no row without an estimate may lack a reason.
select
    campaign_id,
    arm_code,
    metric_code,
    not_estimable_reason
from {{ ref('int_campaign_effects__delta') }}
where
    (control_count = 0 and (is_estimable or lift is not null or lift_low is not null or sequential_low is not null))
    or is_estimable <> (not_estimable_reason is null)
