-- One row per channel and state of everything that was ever claimed.
select
    channel,
    state,
    count(*) as send_count
from ledger.sends
group by
    channel,
    state
order by
    channel,
    state
