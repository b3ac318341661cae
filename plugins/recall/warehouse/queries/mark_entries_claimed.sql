update ledger.entries
set state = 'claimed', reason_code = null
where audience_id = any(%(audience_ids)s)
