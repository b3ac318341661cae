-- What was suppressed stands in the ledger under its key, unless the key was already used; a later selection may
-- take it up again.
insert into ledger.sends (
    audience_id, campaign_id, step_number, channel, contact_id, last_key_date, selected_date, person_id, user_id,
    line_id, idempotency_key, state, is_retryable, reason_code, settled_at
)
select distinct on (campaign_id, step_number, channel, contact_id, last_key_date)
    audience_id,
    campaign_id,
    step_number,
    channel,
    contact_id,
    last_key_date,
    selected_date,
    person_id,
    user_id,
    line_id,
    idempotency_key,
    'suppressed',
    true,
    reason_code,
    clock_timestamp()
from asked
where reason_code not in ('told', 'already_sent')
order by campaign_id asc, step_number asc, channel asc, contact_id asc, last_key_date asc, audience_id asc
on conflict (campaign_id, step_number, channel, contact_id, last_key_date) do update set
    audience_id = excluded.audience_id,
    selected_date = excluded.selected_date,
    person_id = excluded.person_id,
    user_id = excluded.user_id,
    line_id = excluded.line_id,
    state = 'suppressed',
    reason_code = excluded.reason_code,
    batch_id = null,
    settled_at = excluded.settled_at
where sends.is_retryable
