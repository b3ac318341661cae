-- Files for what is asked for and may be sent, one for each campaign and step, named after the keys.
with candidates as (
    -- A key tells all the rest of itself: keys are sorted, not the columns that are alike in all.
    select distinct on (idempotency_key) idempotency_key, channel, campaign_id, step_number, selected_date
    from asked
    where reason_code is null
    order by idempotency_key asc, selected_date asc
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
    group by channel, campaign_id, step_number, selected_date
)

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
