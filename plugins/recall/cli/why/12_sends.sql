-- needs ledger.sends
-- A person is written to once, whichever of its users it is about.
select
    sends.send_id,
    sends.campaign_id,
    sends.step_number,
    sends.channel,
    sends.user_id,
    sends.line_id,
    sends.last_key_date,
    sends.state,
    sends.reason_code,
    sends.attempt_count,
    sends.attempted_at,
    sends.settled_at
from ledger.sends
where sends.person_id = (select persons.person_id from ledger.persons where persons.user_id = %(user_id)s)
order by coalesce(sends.attempted_at, sends.settled_at) desc nulls last, sends.send_id desc
limit 20
