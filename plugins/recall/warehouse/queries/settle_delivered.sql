-- All messages of a file that a worker holds: the peer has them.
with settled as (
    update ledger.sends
    set
        state = 'sent',
        lease_owner = null,
        lease_expires_at = null,
        settled_at = clock_timestamp()
    -- One condition for the planner, which would take two rare ones together for almost nobody.
    where batch_id = %(batch_id)s and case when state = 'claimed' then lease_owner = %(owner)s end
    returning audience_id
)

update ledger.entries as entries
set state = 'sent', reason_code = null, waits_until = null
from settled
where entries.audience_id = settled.audience_id
