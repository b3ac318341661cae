select count(*)
from pii.contact_points as points
where points.contact_id in (
    select sends.contact_id from ledger.sends as sends where sends.user_id = any(%(user_ids)s)
)
