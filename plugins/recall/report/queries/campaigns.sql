-- One row per imported campaign and arm: what happened, and what may be said about its effect.
with

longest as (

    select max(window_days) as window_days
    from outcomes.out_campaign_effects

),

starts as (

    select
        campaign_id,
        arm_code,
        min(assigned_date) as first_date
    from outcomes.out_recalled_users
    where not is_control
    group by
        campaign_id,
        arm_code

),

steps as (

    select
        campaign_id,
        arm_code,
        sum(member_count) as member_count,
        sum(redeemed_count) as redeemed_count
    from outcomes.out_campaign_steps
    where step_number = 0
    group by
        campaign_id,
        arm_code

),

effects as (

    select
        effects.campaign_id,
        effects.arm_code,
        effects.window_days,
        effects.metric_code,
        effects.treated_count,
        effects.immature_count,
        effects.treated_mean,
        effects.lift,
        effects.lift_low,
        effects.lift_high,
        effects.is_estimable,
        effects.not_estimable_reason
    from outcomes.out_campaign_effects as effects
    inner join longest
        on effects.window_days = longest.window_days
    where effects.segment_type = 'all'

)

select
    steps.campaign_id,
    steps.arm_code,
    starts.first_date,
    steps.member_count,
    steps.redeemed_count,
    orders.window_days,
    orders.treated_count as matured_count,
    orders.immature_count,
    orders.treated_mean as order_rate,
    amounts.treated_mean as net_amount,
    orders.lift as order_rate_lift,
    orders.lift_low as order_rate_lift_low,
    orders.lift_high as order_rate_lift_high,
    orders.is_estimable,
    orders.not_estimable_reason
from steps
inner join starts
    on
        steps.campaign_id = starts.campaign_id
        and steps.arm_code = starts.arm_code
left join effects as orders
    on
        steps.campaign_id = orders.campaign_id
        and steps.arm_code = orders.arm_code
        and orders.metric_code = 'order_rate'
left join effects as amounts
    on
        steps.campaign_id = amounts.campaign_id
        and steps.arm_code = amounts.arm_code
        and amounts.metric_code = 'net_amount'
order by
    starts.first_date,
    steps.campaign_id,
    steps.arm_code
