-- One row per arm of the imported campaigns, the largest first, and one without an arm for all of them together.
select
    arm_code,
    count(distinct campaign_id) as campaign_count,
    sum(member_count) as member_count,
    sum(redeemed_count) as redeemed_count
from outcomes.out_campaign_steps
where step_number = 0
group by grouping sets ((arm_code), ())
having count(*) > 0
order by
    case when arm_code is null then 2 else 1 end,
    sum(member_count) desc,
    arm_code
