-- Claims whose worker let its lease run out: dead, or frozen for longer than it may be.
select
    sends.send_id,
    sends.fence,
    sends.attempted_at is not null as is_attempted
from ledger.entries as entries
inner join ledger.sends as sends on entries.audience_id = sends.audience_id
where
    entries.channel = %(channel)s
    and not entries.is_over
    and entries.state = 'claimed'
    and sends.state = 'claimed'
    and sends.lease_expires_at < clock_timestamp()
    and (sends.batch_id is null or sends.attempted_at is null or not %(is_repeatable)s)
order by sends.send_id
for update of sends skip locked
