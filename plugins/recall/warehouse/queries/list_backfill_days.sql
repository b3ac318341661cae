-- Assignment days of the range with entries or with served rows, and days outside of it under which an entry of the
-- range is still served. A day that is listed already stays as it is.
with days as (
    select assigned_date
    from intermediate.int_entries__costed
    where assigned_date between %(from_date)s and %(to_date)s
    union
    select assigned_date
    from outcomes.out_recalled_users
    where assigned_date between %(from_date)s and %(to_date)s
    union
    select served.assigned_date
    from intermediate.int_entries__costed as entries
    inner join outcomes.out_recalled_users as served
        on
            entries.campaign_id = served.campaign_id
            and entries.person_id = served.person_id
            and entries.assigned_date <> served.assigned_date
    where entries.assigned_date between %(from_date)s and %(to_date)s
)

insert into control.backfill_days (backfill_id, assigned_date)
select
    %(backfill_id)s,
    assigned_date
from days
on conflict (backfill_id, assigned_date) do nothing
