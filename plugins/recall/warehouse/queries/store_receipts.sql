-- What a channel's peer tells; what it told before changes nothing.
insert into ledger.receipts (channel, receipt_id, event, occurred_at, idempotency_key, peer_reference)
select
    %(channel)s,
    told.receipt_id,
    told.event,
    told.occurred_at,
    nullif(told.idempotency_key, ''),
    nullif(told.peer_reference, '')
from
    unnest(
        %(receipt_ids)s::text [], %(events)s::text [], %(occurred_ats)s::timestamptz [], %(keys)s::text [],
        %(references)s::text []
    ) as told (receipt_id, event, occurred_at, idempotency_key, peer_reference)
on conflict (channel, receipt_id) do nothing
