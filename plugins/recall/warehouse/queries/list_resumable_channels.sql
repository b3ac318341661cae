-- The served day and the channels in which somebody's quiet hours have ended meanwhile.
select
    published.as_of_date,
    entries.channel
from control.published as published
inner join ledger.entries as entries on entries.selected_date = published.as_of_date + 1
where
    published.state = 'complete'
    and not entries.is_over
    and entries.state = 'waiting'
    and entries.reason_code = 'quiet_hours'
    and entries.waits_until <= %(now)s
group by published.as_of_date, entries.channel
order by entries.channel
