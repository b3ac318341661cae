-- One row per imported campaign and arm: when it began, whom it touched, who redeemed.
select
    steps.campaign_id,
    steps.arm_code,
    starts.first_date,
    sum(steps.member_count) as member_count,
    sum(steps.redeemed_count) as redeemed_count
from outcomes.out_campaign_steps as steps
inner join (
    select
        campaign_id,
        arm_code,
        min(assigned_date) as first_date
    from outcomes.out_recalled_users
    where not is_control
    group by
        campaign_id,
        arm_code
) as starts
    on
        steps.campaign_id = starts.campaign_id
        and steps.arm_code = starts.arm_code
where steps.step_number = 0
group by
    steps.campaign_id,
    steps.arm_code,
    starts.first_date
having sum(steps.member_count) > 0
order by
    starts.first_date,
    steps.campaign_id,
    steps.arm_code
