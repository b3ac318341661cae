-- Delivered receipts of sends that were not in the ledger when they were looked at.
insert into ledger.receipts (channel, receipt_id, event, occurred_at, idempotency_key)
select
    sends.channel,
    landed.receipt_id,
    landed.event,
    landed.occurred_at,
    landed.touch_id
from ledger.sends as sends
inner join raw.receipts as landed on sends.idempotency_key = landed.touch_id
where sends.audience_id = any(%(audience_ids)s)
on conflict (channel, receipt_id) do nothing
