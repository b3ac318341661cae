-- The row of channels.csv in force for a channel on a day: the latest that holds by then, else the first to come.
select
    channel,
    delivery_code,
    contact_code,
    rate_per_second,
    batch_size,
    quiet_from,
    quiet_until,
    may_carry_marketing
from definitions.channels
where channel = %(channel)s
order by
    case when valid_from <= %(day)s then 0 else 1 end,
    case when valid_from <= %(day)s then valid_from end desc,
    valid_from
limit 1
