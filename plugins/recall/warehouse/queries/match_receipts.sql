-- Receipts whose send the ledger knows by now: by our key, else by the peer's name if only one message has it.
with named as (
    select
        receipts.channel,
        receipts.receipt_id,
        sends.send_id
    from ledger.receipts as receipts
    inner join ledger.sends as sends
        on receipts.idempotency_key = sends.idempotency_key and receipts.channel = sends.channel
    where receipts.send_id is null
    union all
    select
        receipts.channel,
        receipts.receipt_id,
        min(sends.send_id)
    from ledger.receipts as receipts
    inner join ledger.sends as sends
        on receipts.channel = sends.channel and receipts.peer_reference = sends.peer_reference
    where receipts.send_id is null and receipts.idempotency_key is null
    group by receipts.channel, receipts.receipt_id
    having count(*) = 1
)

update ledger.receipts as receipts
set send_id = named.send_id
from named
where receipts.channel = named.channel and receipts.receipt_id = named.receipt_id
returning receipts.send_id
