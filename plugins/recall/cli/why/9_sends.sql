-- needs ledger.sends
select
    campaign_id,
    step_number,
    channel,
    line_id,
    last_key_date,
    state,
    reason_code,
    attempt_count,
    claimed_at,
    settled_at
from ledger.sends
where user_id = %(user_id)s
order by claimed_at desc
limit 20
