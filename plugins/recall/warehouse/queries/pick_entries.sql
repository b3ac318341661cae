-- Entries that wait for a first try, and those that may be tried again and were not tried in this run yet.
select entries.audience_id
from ledger.entries as entries
left join ledger.sends as sends on entries.audience_id = sends.audience_id
where
    entries.selected_date = %(selected_date)s
    and entries.channel = %(channel)s
    and (
        entries.state = 'waiting'
        or (entries.state = 'failed' and sends.is_retryable and sends.settled_at < %(run_started_at)s)
    )
order by entries.campaign_id, entries.step_number, entries.audience_id
limit %(row_limit)s
for update of entries skip locked
