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
    and not entries.is_over
    and entries.state in ('waiting', 'claimed', 'failed')
union
select entries.channel
from ledger.entries as entries
inner join ledger.sends as sends on entries.audience_id = sends.audience_id
left join ledger.batches as batches on sends.batch_id = batches.batch_id
where
    (not entries.is_over and entries.state = 'claimed' and sends.state = 'claimed' and sends.lease_expires_at < clock_timestamp())
    or (
        entries.is_unclear
        and sends.state = 'unknown'
        and (sends.repeatable_until > clock_timestamp() or batches.state = 'open')
    )
union
select due.channel
from audiences.int_removals__due as due
left join ledger.removals as known on due.send_id = known.send_id
where known.send_id is null or known.state = 'waiting'
order by channel
