-- Takes the key of each entry for one worker. A key that is taken, or that was used up, gives no row.
with candidates as (
    select distinct on (campaign_id, step_number, channel, contact_id, last_key_date)
        audience_id, campaign_id, step_number, channel, contact_id, last_key_date, selected_date, person_id, user_id,
        line_id
    from ledger.entries
    where audience_id = any(%(audience_ids)s)
    order by
        campaign_id asc, step_number asc, channel asc, contact_id asc, last_key_date asc, audience_id asc
)

insert into ledger.sends (
    audience_id, campaign_id, step_number, channel, contact_id, last_key_date, selected_date, person_id, user_id,
    line_id, idempotency_key, state, lease_owner, lease_expires_at, claimed_at
)
select
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
    left(
        encode(
            sha256(
                convert_to(
                    concat_ws('|', campaign_id, step_number, channel, contact_id, last_key_date), 'UTF8'
                )
            ),
            'hex'
        ),
        32
    ),
    'claimed',
    %(owner)s,
    clock_timestamp() + %(lease)s,
    clock_timestamp()
from candidates
on conflict (campaign_id, step_number, channel, contact_id, last_key_date) do update set
    audience_id = excluded.audience_id,
    selected_date = excluded.selected_date,
    person_id = excluded.person_id,
    user_id = excluded.user_id,
    line_id = excluded.line_id,
    state = 'claimed',
    is_retryable = false,
    reason_code = null,
    batch_id = null,
    fence = sends.fence + 1,
    lease_owner = excluded.lease_owner,
    lease_expires_at = excluded.lease_expires_at,
    attempted_at = null,
    repeatable_until = null,
    claimed_at = excluded.claimed_at,
    settled_at = null
where sends.is_retryable
returning audience_id, send_id, fence
