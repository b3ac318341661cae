-- One row per campaign, step and channel: the way from the assigned to the returned, arms together.
select
    campaign_id,
    step_number,
    channel,
    sum(member_count) as member_count,
    sum(sent_count) as sent_count,
    sum(delivered_count) as delivered_count,
    sum(opened_count) as opened_count,
    sum(clicked_count) as clicked_count,
    sum(redeemed_count) as redeemed_count,
    sum(returned_count) as returned_count,
    sum(cost_amount) as cost_amount,
    sum(delivered_count + opened_count + clicked_count + unsubscribed_count) > 0 as has_receipts
from outcomes.out_campaign_steps
group by
    campaign_id,
    step_number,
    channel
having sum(member_count) > 0
order by
    campaign_id,
    step_number,
    channel
