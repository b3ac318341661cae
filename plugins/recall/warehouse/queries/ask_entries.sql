-- As pick_entries, for entries that a worker holds.
insert into asked (
    audience_id, campaign_id, campaign_version, step_number, selected_date, channel, contact_id, person_id, user_id,
    line_id, last_key_date, idempotency_key
)
select
    audience_id,
    campaign_id,
    campaign_version,
    step_number,
    selected_date,
    channel,
    contact_id,
    person_id,
    user_id,
    line_id,
    last_key_date,
    ledger.idempotency_key(campaign_id, step_number, channel, contact_id, last_key_date)
from ledger.entries
where audience_id = any(%(audience_ids)s)
