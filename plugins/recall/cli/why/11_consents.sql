-- needs raw.consents
-- The last word on each channel, as far as anything loaded tells; of a yes and a no at the same instant the no counts.
select distinct on (channel)
    channel,
    is_opted_in,
    changed_at
from raw.consents
where user_id = %(user_id)s
order by channel asc, changed_at desc, is_opted_in asc
