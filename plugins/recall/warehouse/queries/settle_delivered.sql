-- All messages of a file that a worker holds: the peer has them.
with settled as (
    update ledger.sends
    set
        state = 'sent',
        lease_owner = null,
        lease_expires_at = null,
        settled_at = clock_timestamp()
    where batch_id = %(batch_id)s and state = 'claimed' and lease_owner = %(owner)s
    returning audience_id
)

update ledger.entries as entries
set state = 'sent', reason_code = null, waits_until = null
from settled
where entries.audience_id = settled.audience_id
