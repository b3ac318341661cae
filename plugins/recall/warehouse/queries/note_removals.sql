-- What the peer said to taking somebody back; whoever is gone stays gone.
insert into ledger.removals (send_id, channel, reason_code, state, answer_code)
select told.send_id, %(channel)s, told.reason_code, told.state, nullif(told.answer_code, '')
from
    unnest(%(send_ids)s::bigint [], %(reason_codes)s::text [], %(states)s::text [], %(answer_codes)s::text [])
        as told (send_id, reason_code, state, answer_code)
on conflict (send_id) do update set
    reason_code = excluded.reason_code,
    state = excluded.state,
    answer_code = excluded.answer_code,
    attempt_count = removals.attempt_count + 1,
    settled_at = excluded.settled_at
where removals.state = 'waiting'
