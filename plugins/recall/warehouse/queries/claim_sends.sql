-- Takes the key of each entry asked for that may be sent, for one worker. A key that is taken, or that was used up, gives
-- no row. What leaves as files is bound to them at once: from now on the peer may have it.
with candidates as (
    -- Contacts first: almost all of them differ, so that most comparisons of the sort end there.
    select distinct on (asked.contact_id, asked.campaign_id, asked.step_number, asked.last_key_date)
        asked.audience_id,
        asked.campaign_id,
        asked.step_number,
        asked.channel,
        asked.contact_id,
        asked.last_key_date,
        asked.selected_date,
        asked.person_id,
        asked.user_id,
        asked.line_id,
        asked.idempotency_key,
        files.batch_id
    from asked
    left join
        unnest(%(batch_ids)s::text [], %(campaign_ids)s::text [], %(step_numbers)s::integer [])
            as files (batch_id, campaign_id, step_number)
        on asked.campaign_id = files.campaign_id and asked.step_number = files.step_number
    where asked.reason_code is null
    order by
        asked.contact_id asc, asked.campaign_id asc, asked.step_number asc, asked.last_key_date asc,
        asked.audience_id asc
)

insert into ledger.sends (
    audience_id, campaign_id, step_number, channel, contact_id, last_key_date, selected_date, person_id, user_id,
    line_id, idempotency_key, state, batch_id, attempt_count, attempted_at, lease_owner, lease_expires_at, claimed_at
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
    idempotency_key,
    'claimed',
    batch_id,
    case when batch_id is null then 0 else 1 end,
    case when batch_id is not null then clock_timestamp() end,
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
    batch_id = excluded.batch_id,
    fence = sends.fence + 1,
    attempt_count = sends.attempt_count + excluded.attempt_count,
    lease_owner = excluded.lease_owner,
    lease_expires_at = excluded.lease_expires_at,
    attempted_at = excluded.attempted_at,
    repeatable_until = null,
    claimed_at = excluded.claimed_at,
    settled_at = null
where sends.is_retryable
