-- Each user takes the smallest group of anybody with whom a contact point is shared.
update grouped_users as grouped
set group_id = nearest.group_id
from (
    select shared.user_id, min(points.group_id) as group_id
    from shared_contacts as shared
    inner join (
        select shared_contacts.contact_id, min(grouped_users.group_id) as group_id
        from shared_contacts
        inner join grouped_users using (user_id)
        group by shared_contacts.contact_id
    ) as points using (contact_id)
    group by shared.user_id
) as nearest
where grouped.user_id = nearest.user_id and nearest.group_id < grouped.group_id
