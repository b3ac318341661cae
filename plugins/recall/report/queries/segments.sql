-- One row per campaign, arm and layer or reason at assignment whose effect on returns may be stated, own window.
select
    effects.campaign_id,
    effects.arm_code,
    effects.segment_type,
    effects.segment_code,
    effects.treated_count,
    effects.control_count,
    effects.treated_mean,
    effects.control_mean,
    effects.lift,
    effects.lift_low,
    effects.lift_high,
    effects.is_approximate
from outcomes.out_campaign_effects as effects
inner join outcomes.out_campaign_profit as profit
    on
        effects.campaign_id = profit.campaign_id
        and effects.window_days = profit.window_days
where
    effects.segment_type <> 'all'
    and effects.metric_code = 'return_rate'
    and effects.is_estimable
order by
    effects.campaign_id,
    effects.segment_type,
    effects.segment_code,
    effects.arm_code
