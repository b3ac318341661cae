-- needs audiences.aud_recall_members
select
    members.selected_date,
    members.campaign_id,
    members.step_number,
    members.line_id,
    members.last_key_date,
    members.arm_code,
    members.channel,
    members.offer_code,
    round(members.expected_profit_amount, 2) as profit_amount,
    round(members.expected_cost_amount, 2) as cost_amount,
    entries.state,
    entries.reason_code,
    entries.waits_until
from audiences.aud_recall_members as members
left join ledger.entries on members.audience_id = entries.audience_id
where members.user_id = %(user_id)s
order by members.selected_date desc, members.campaign_id, members.step_number
limit 20
