-- Sends of a file that a worker holds.
select
    audience_id,
    send_id,
    fence
from ledger.sends
where batch_id = %(batch_id)s and state = 'claimed' and lease_owner = %(owner)s
order by send_id
