-- Members of files that may or may not be in place: they are claimed again, to be put in place under the same name.
update ledger.sends as sends
set
    state = 'claimed',
    reason_code = null,
    fence = sends.fence + 1,
    lease_owner = %(owner)s,
    lease_expires_at = clock_timestamp() + %(lease)s,
    claimed_at = clock_timestamp(),
    settled_at = null
from ledger.batches as batches
where
    sends.batch_id = batches.batch_id
    and batches.channel = %(channel)s
    and batches.state = 'open'
    and (
        sends.state = 'unknown'
        or (sends.state = 'claimed' and sends.attempted_at is not null and sends.lease_expires_at < clock_timestamp())
    )
returning sends.audience_id, sends.send_id, sends.fence, sends.batch_id
