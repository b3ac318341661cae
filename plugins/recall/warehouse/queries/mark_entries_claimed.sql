update ledger.entries
set state = 'claimed', reason_code = null, waits_until = null
where audience_id = any(%(audience_ids)s)
