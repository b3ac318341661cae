-- What became of messages, said by the worker whose fence still holds. One that a later run had to call unknown is
-- settled by whoever does know.
with settled as (
    update ledger.sends as sends
    set
        state = %(state)s,
        is_retryable = %(is_retryable)s,
        reason_code = %(reason_code)s,
        peer_reference = coalesce(nullif(held.peer_reference, ''), sends.peer_reference),
        lease_owner = null,
        lease_expires_at = null,
        settled_at = clock_timestamp()
    from
        unnest(%(send_ids)s::bigint [], %(fences)s::bigint [], %(references)s::text [])
            as held (send_id, fence, peer_reference)
    where
        sends.send_id = held.send_id
        and sends.fence = held.fence
        and (sends.state = 'claimed' or (sends.state = 'unknown' and %(state)s <> 'suppressed'))
    returning sends.audience_id
)

update ledger.entries as entries
set state = %(state)s, reason_code = %(reason_code)s
from settled
where entries.audience_id = settled.audience_id
