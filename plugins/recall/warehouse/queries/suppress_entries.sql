-- Entries that must not be sent now, each with its reason.
update ledger.entries as entries
set state = 'suppressed', reason_code = reasons.reason_code
from unnest(%(audience_ids)s::text [], %(reason_codes)s::text []) as reasons (audience_id, reason_code)
where entries.audience_id = reasons.audience_id
