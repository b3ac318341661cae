-- Entries asked for whose key was used up, or is another one's.
update asked
set reason_code = 'already_sent'
where
    asked.reason_code is null
    and not exists (
        select from ledger.sends
        where
            sends.audience_id = asked.audience_id
            and sends.idempotency_key = asked.idempotency_key
            and sends.state = 'claimed'
            and sends.lease_owner = %(owner)s
    )
