-- How many of these a worker still holds.
select count(*)
from ledger.sends as sends
inner join unnest(%(send_ids)s::bigint [], %(fences)s::bigint []) as held (send_id, fence)
    on sends.send_id = held.send_id and sends.fence = held.fence
where
    sends.state = 'claimed'
    and sends.lease_owner = %(owner)s
    and sends.lease_expires_at > clock_timestamp()
