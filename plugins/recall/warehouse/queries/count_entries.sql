-- What became of the entries of a day and channel.
select
    state,
    coalesce(reason_code, '') as reason_code,
    count(*) as entry_count
from ledger.entries
where
    selected_date = %(selected_date)s
    and channel = %(channel)s
group by state, reason_code
order by state, reason_code
