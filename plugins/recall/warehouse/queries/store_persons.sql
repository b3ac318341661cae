-- Users become persons at their first assignment, together with everybody of their group; stored persons stand.
insert into ledger.persons (user_id, person_id, first_assigned_at)
select
    newcomers.user_id,
    min(newcomers.person_id),
    cast(%(selected_date)s as timestamp) at time zone %(zone)s
from (
    select members.user_id, members.person_id
    from audiences.aud_recall_members as members
    where members.selected_date = %(selected_date)s
    union
    select mates.user_id, members.person_id
    from audiences.aud_recall_members as members
    inner join pii.person_groups as own on members.user_id = own.user_id
    inner join pii.person_groups as mates on own.group_id = mates.group_id
    where
        members.selected_date = %(selected_date)s
        and members.user_id <> mates.user_id
        and not exists (select from ledger.persons as stored where stored.user_id = members.user_id)
        and not exists (
            select from audiences.aud_recall_members as themselves
            where themselves.selected_date = %(selected_date)s and themselves.user_id = mates.user_id
        )
) as newcomers
group by newcomers.user_id
on conflict (user_id) do nothing
