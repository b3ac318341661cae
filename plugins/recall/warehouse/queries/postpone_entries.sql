-- Entries whose users are not to be disturbed now, each until its own instant; what was claimed of them is let go.
with postponed as (
    update ledger.entries as entries
    set state = 'waiting', reason_code = 'quiet_hours', waits_until = waits.waits_until
    from unnest(%(audience_ids)s::text [], %(waits_until)s::timestamptz []) as waits (audience_id, waits_until)
    where
        entries.audience_id = waits.audience_id
        and entries.state in ('waiting', 'failed', 'claimed')
    returning entries.audience_id
)

update ledger.sends as sends
set
    state = 'failed',
    is_retryable = true,
    reason_code = 'quiet_hours',
    lease_owner = null,
    lease_expires_at = null,
    settled_at = clock_timestamp()
from postponed, unnest(%(send_ids)s::bigint [], %(fences)s::bigint []) as held (send_id, fence)
where
    sends.audience_id = postponed.audience_id
    and sends.send_id = held.send_id
    and sends.fence = held.fence
    and sends.state = 'claimed'
