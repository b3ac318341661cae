-- How many messages of a file a worker holds; null if it lost one to another or to time.
select
    case when coalesce(bool_and(lease_owner = %(owner)s and lease_expires_at > clock_timestamp()), true) then count(*) end
from ledger.sends
where batch_id = %(batch_id)s and state = 'claimed'
