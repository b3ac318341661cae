-- Channels that somebody is to be sent through on a day, those where an earlier delivery is not settled, and those out of
-- whose audience somebody is to be taken back.
select members.channel
from audiences.aud_recall_members as members
where
    members.selected_date = %(selected_date)s
    and not members.is_global_holdout
    and not members.is_campaign_holdout
union
select entries.channel
from ledger.entries as entries
where
    entries.selected_date = %(selected_date)s
    and entries.state in ('waiting', 'claimed', 'failed')
union
select sends.channel
from ledger.sends as sends
where sends.state = 'claimed' and sends.lease_expires_at < clock_timestamp()
union
select sends.channel
from ledger.sends as sends
where sends.state = 'unknown' and sends.repeatable_until > clock_timestamp()
union
select batches.channel
from ledger.batches as batches
inner join ledger.sends as sends on batches.batch_id = sends.batch_id
where batches.state = 'open' and sends.state = 'unknown'
union
select due.channel
from audiences.int_removals__due as due
left join ledger.removals as known on due.send_id = known.send_id
where known.send_id is null or known.state = 'waiting'
order by channel
