-- Sends that were claimed of what was asked for.
select
    sends.audience_id,
    sends.send_id,
    sends.fence
from asked
inner join ledger.sends as sends
    on asked.idempotency_key = sends.idempotency_key and asked.audience_id = sends.audience_id
where asked.reason_code is null
order by asked.campaign_id, asked.step_number, asked.contact_id, asked.last_key_date
