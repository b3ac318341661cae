-- One row per campaign, arm, offer and day after the return, all reasons together: how many had lapsed again by then.
select
    campaign_id,
    arm_code,
    offer_code,
    day_number,
    returned_count,
    relapsed_count,
    relapse_rate,
    second_lifetime_value_amount,
    first_lifetime_value_amount,
    is_lapsing_faster
from outcomes.out_relapse_curves
where reason_code = 'all'
order by
    campaign_id,
    case arm_code when 'control' then 2 else 1 end,
    arm_code,
    offer_code,
    day_number
