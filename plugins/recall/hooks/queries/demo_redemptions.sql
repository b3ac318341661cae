-- One row per arm of the imported campaigns: who redeemed, and why no effect is stated.
select
    steps.arm_code,
    sum(steps.redeemed_count) as redeemed_count,
    sum(steps.member_count) as member_count,
    max(effects.reasons) as reasons
from outcomes.out_campaign_steps as steps
cross join (
    select string_agg(distinct effects.not_estimable_reason, ', ') as reasons
    from outcomes.out_campaign_effects as effects
    inner join outcomes.out_campaign_steps as imported
        on effects.campaign_id = imported.campaign_id
    where
        effects.metric_code = 'order_rate'
        and imported.step_number = 0
) as effects
where steps.step_number = 0
group by steps.arm_code
order by steps.arm_code
