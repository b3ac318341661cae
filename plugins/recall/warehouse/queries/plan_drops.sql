-- Per campaign, step and channel who would be dropped, and why: whoever still waits of earlier days, whoever waits for
-- this day and is no longer in its audience, and whoever is to be taken back out of an advertising audience.
select
    entries.campaign_id,
    entries.step_number,
    entries.channel,
    case when entries.selected_date < %(selected_date)s then 'overtaken' else 'left_audience' end as reason_code,
    count(*) as drop_count
from ledger.entries as entries
where
    not entries.is_over
    and entries.state = 'waiting'
    and entries.selected_date <= %(selected_date)s
    and (
        entries.selected_date < %(selected_date)s
        or not exists (
            select from audiences.aud_recall_members as members
            where members.audience_id = entries.audience_id
        )
    )
group by 1, 2, 3, 4
union all
select
    due.campaign_id,
    due.step_number,
    due.channel,
    due.reason_code,
    count(*) as drop_count
from audiences.int_removals__due as due
left join ledger.removals as known on due.send_id = known.send_id
where known.send_id is null or known.state = 'waiting'
group by 1, 2, 3, 4
order by 1, 2, 3, 4
