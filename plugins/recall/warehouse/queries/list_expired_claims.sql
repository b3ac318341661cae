-- Claims whose worker let its lease run out: dead, or frozen for longer than it may be.
select
    send_id,
    fence,
    attempted_at is not null as is_attempted
from ledger.sends
where
    channel = %(channel)s
    and state = 'claimed'
    and lease_expires_at < clock_timestamp()
    and (batch_id is null or attempted_at is null or not %(is_repeatable)s)
order by send_id
for update skip locked
