-- What became of messages, said by the worker whose fence still holds. One that a later run had to call unknown is
-- settled by whoever does know, and a receipt that came first knows best: the peer had it.
with settled as (
    update ledger.sends as sends
    set
        state = case when told.is_told then 'sent' else %(state)s end,
        is_retryable = %(is_retryable)s and not told.is_told,
        reason_code = case when told.is_told then null else %(reason_code)s end,
        peer_reference = coalesce(nullif(told.peer_reference, ''), sends.peer_reference),
        lease_owner = null,
        lease_expires_at = null,
        settled_at = clock_timestamp()
    from (
        select
            held.send_id,
            held.fence,
            held.peer_reference,
            %(state)s <> 'sent'
            and exists (select from ledger.receipts where receipts.send_id = held.send_id) as is_told
        from
            unnest(%(send_ids)s::bigint [], %(fences)s::bigint [], %(references)s::text [])
                as held (send_id, fence, peer_reference)
    ) as told
    where
        sends.send_id = told.send_id
        and sends.fence = told.fence
        and (sends.state = 'claimed' or (sends.state = 'unknown' and %(state)s <> 'suppressed'))
    returning sends.audience_id, sends.state, sends.reason_code
)

update ledger.entries as entries
set state = settled.state, reason_code = settled.reason_code
from settled
where entries.audience_id = settled.audience_id
