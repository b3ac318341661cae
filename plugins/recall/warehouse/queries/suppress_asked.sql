-- Entries asked for that must not be sent now, each with its reason.
update ledger.entries as entries
set state = 'suppressed', reason_code = asked.reason_code
from asked
where
    entries.audience_id = asked.audience_id
    and asked.reason_code <> 'told'
    -- A receipt may have settled it meanwhile.
    and entries.state in ('waiting', 'failed')
