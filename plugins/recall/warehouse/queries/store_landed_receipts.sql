-- Delivered receipts that name a send of ours; those of campaigns that were run elsewhere stay where they are.
insert into ledger.receipts (channel, receipt_id, event, occurred_at, idempotency_key)
select
    sends.channel,
    landed.receipt_id,
    landed.event,
    landed.occurred_at,
    landed.touch_id
from raw.receipts as landed
inner join ledger.sends as sends on landed.touch_id = sends.idempotency_key
where landed._load_id > %(after_load_id)s
on conflict (channel, receipt_id) do nothing
