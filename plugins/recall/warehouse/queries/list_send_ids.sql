-- Sends of a file that a worker holds, as one list.
select coalesce(array_agg(send_id), '{}') as send_ids
from ledger.sends
where
    batch_id = %(batch_id)s
    -- One condition for the planner, which would take two rare ones together for almost nobody.
    and case when state = 'claimed' then lease_owner = %(owner)s end
