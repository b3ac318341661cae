-- Per campaign, step and channel: whom an export would still send to, whom it leaves alone, and what that costs.
select
    members.campaign_id,
    members.step_number,
    members.channel,
    count(*) filter (where not held_out.is_held_out and coalesce(used.is_retryable, true)) as add_count,
    count(*) filter (where not held_out.is_held_out and not coalesce(used.is_retryable, true)) as leave_count,
    count(*) filter (where not held_out.is_held_out and used.is_retryable) as retry_count,
    count(*) filter (where held_out.is_held_out) as held_out_count,
    coalesce(
        count(*) filter (where not held_out.is_held_out and coalesce(used.is_retryable, true)) * max(prices.unit_cost_amount), 0
    ) as cost_amount,
    round(
        coalesce(
            sum(members.expected_cost_amount) filter (where not held_out.is_held_out and coalesce(used.is_retryable, true)), 0
        ), 2
    ) as expected_cost_amount,
    round(
        sum(members.expected_profit_amount) filter (where not held_out.is_held_out and coalesce(used.is_retryable, true)), 2
    ) as expected_profit_amount
from audiences.aud_recall_members as members
cross join lateral (select members.is_global_holdout or members.is_campaign_holdout as is_held_out) as held_out
left join ledger.sends as used
    on
        members.campaign_id = used.campaign_id
        and members.step_number = used.step_number
        and members.channel = used.channel
        and members.contact_id = used.contact_id
        and members.last_key_date = used.last_key_date
left join lateral (
    select channels.unit_cost_amount
    from definitions.channels as channels
    where channels.channel = members.channel
    order by
        case when channels.valid_from < members.selected_date then 0 else 1 end,
        case when channels.valid_from < members.selected_date then channels.valid_from end desc,
        channels.valid_from
    limit 1
) as prices on true
where members.selected_date = %(selected_date)s
group by members.campaign_id, members.step_number, members.channel
order by members.campaign_id, members.step_number, members.channel
