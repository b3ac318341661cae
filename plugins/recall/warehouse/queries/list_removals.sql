-- Sends whose receivers are to be taken back out of the channel's audience, and were not asked for in this run yet.
-- Whoever was added anew for the day meanwhile stays, unless the answer is a no.
select
    due.send_id,
    due.reason_code
from audiences.int_removals__due as due
left join ledger.removals as known on due.send_id = known.send_id
where
    due.channel = %(channel)s
    and (known.send_id is null or (known.state = 'waiting' and known.settled_at < %(run_started_at)s))
    and (
        due.reason_code = 'no_consent'
        or not exists (
            select from ledger.sends as newer
            where
                newer.contact_id = due.contact_id
                and newer.channel = due.channel
                and newer.selected_date = %(selected_date)s
                and newer.state in ('claimed', 'sent', 'unknown')
        )
    )
order by due.send_id
limit %(row_limit)s
