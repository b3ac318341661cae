insert into ledger.batches (
    batch_id, channel, campaign_id, step_number, selected_date, member_count, digest, state
)
values (
    %(batch_id)s, %(channel)s, %(campaign_id)s, %(step_number)s, %(selected_date)s, %(member_count)s, %(digest)s,
    'open'
)
on conflict (batch_id) do update set state = 'open', member_count = excluded.member_count, settled_at = null
