-- A receipt, whatever it tells, proves that the peer had the message: what was unknown is sent, and what was to be
-- tried again is not. A claim is left to the worker that holds it.
with settled as (
    update ledger.sends as sends
    set
        state = 'sent',
        is_retryable = false,
        reason_code = null,
        repeatable_until = null,
        settled_at = clock_timestamp()
    where
        sends.send_id in (
            select unclear.send_id
            from ledger.entries as entries
            inner join ledger.sends as unclear on entries.audience_id = unclear.audience_id
            where
                entries.is_unclear
                and unclear.state = 'unknown'
                and exists (select from ledger.receipts where receipts.send_id = unclear.send_id)
            union
            select to_be_repeated.send_id
            from ledger.sends as to_be_repeated
            where to_be_repeated.send_id = any(%(send_ids)s) and to_be_repeated.is_retryable
        )
        and sends.state <> 'claimed'
    returning sends.audience_id
)

update ledger.entries as entries
set state = 'sent', reason_code = null, waits_until = null
from settled
where entries.audience_id = settled.audience_id
