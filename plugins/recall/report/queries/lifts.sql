-- One row per campaign, arm and plain metric: the effect over the campaign's own window, or why none may be stated.
select
    effects.campaign_id,
    effects.arm_code,
    effects.metric_code,
    effects.window_days,
    effects.treated_count,
    effects.control_count,
    effects.treated_mean,
    effects.control_mean,
    effects.lift,
    effects.lift_low,
    effects.lift_high,
    effects.sequential_low,
    effects.sequential_high,
    effects.relative_lift,
    effects.relative_lift_low,
    effects.relative_lift_high,
    effects.is_estimable,
    effects.not_estimable_reason,
    effects.is_approximate,
    metrics.is_rate,
    metrics.is_money
from outcomes.out_campaign_effects as effects
inner join outcomes.out_campaign_profit as profit
    on
        effects.campaign_id = profit.campaign_id
        and effects.window_days = profit.window_days
inner join (
    values
    (1, 'return_rate', true, false),
    (2, 'order_rate', true, false),
    (3, 'visit_rate', true, false),
    (4, 'order_count', false, false),
    (5, 'net_amount', false, true),
    (6, 'contribution_amount', false, true)
) as metrics (place, metric_code, is_rate, is_money)
    on effects.metric_code = metrics.metric_code
where effects.segment_type = 'all'
order by
    effects.campaign_id,
    metrics.place,
    effects.arm_code
