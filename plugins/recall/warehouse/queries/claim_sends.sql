-- Takes the key of each entry for one worker. A key that is taken, or that was used up, gives no row. What leaves as files
-- is bound to them at once, one for each campaign and step, named after the keys: from now on the peer may have it.
with candidates as (
    select distinct on (campaign_id, step_number, channel, contact_id, last_key_date)
        audience_id, campaign_id, step_number, channel, contact_id, last_key_date, selected_date, person_id, user_id,
        line_id,
        ledger.idempotency_key(campaign_id, step_number, channel, contact_id, last_key_date) as idempotency_key
    from ledger.entries
    where audience_id = any(%(audience_ids)s)
    order by
        campaign_id asc, step_number asc, channel asc, contact_id asc, last_key_date asc, audience_id asc
),

files as (
    select
        channel,
        campaign_id,
        step_number,
        selected_date,
        count(*) as member_count,
        ledger.members_digest(array_agg(idempotency_key)) as digest
    from candidates
    where %(as_files)s
    group by channel, campaign_id, step_number, selected_date
),

opened as (
    insert into ledger.batches (
        batch_id, channel, campaign_id, step_number, selected_date, member_count, digest, state
    )
    select
        ledger.file_name(channel, selected_date, campaign_id, step_number, digest),
        channel,
        campaign_id,
        step_number,
        selected_date,
        member_count,
        digest,
        'open'
    from files
    on conflict (batch_id) do update set state = 'open', member_count = excluded.member_count, settled_at = null
    returning batch_id, campaign_id, step_number
)

insert into ledger.sends (
    audience_id, campaign_id, step_number, channel, contact_id, last_key_date, selected_date, person_id, user_id,
    line_id, idempotency_key, state, batch_id, attempt_count, attempted_at, lease_owner, lease_expires_at, claimed_at
)
select
    candidates.audience_id,
    candidates.campaign_id,
    candidates.step_number,
    candidates.channel,
    candidates.contact_id,
    candidates.last_key_date,
    candidates.selected_date,
    candidates.person_id,
    candidates.user_id,
    candidates.line_id,
    candidates.idempotency_key,
    'claimed',
    opened.batch_id,
    case when opened.batch_id is null then 0 else 1 end,
    case when opened.batch_id is not null then clock_timestamp() end,
    %(owner)s,
    clock_timestamp() + %(lease)s,
    clock_timestamp()
from candidates
left join opened
    on candidates.campaign_id = opened.campaign_id and candidates.step_number = opened.step_number
order by candidates.campaign_id, candidates.step_number, candidates.contact_id
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
returning audience_id, send_id, fence, batch_id
