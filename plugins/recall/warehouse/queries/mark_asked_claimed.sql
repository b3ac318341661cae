-- Entries asked for whose sends were claimed.
update ledger.entries as entries
set state = 'claimed', reason_code = null, waits_until = null
from asked
where entries.audience_id = asked.audience_id and asked.reason_code is null
