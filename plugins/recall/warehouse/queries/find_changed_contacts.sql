-- The users whose contacts may differ from the last refresh: rows of newer loads, versions whose day has come since,
-- and users of whom a load took a version away.
insert into changed_contacts (user_id)
select user_id
from (
    select user_id, updated_at, _load_id
    from pii.contacts
    union all
    select user_id, updated_at, _load_id
    from pii.contacts_versions
) as versions
where
    _load_id > %(after_load)s
    or (
        cast(updated_at at time zone %(zone)s as date) > %(after_date)s
        and cast(updated_at at time zone %(zone)s as date) <= %(as_of_date)s
    )
union
select user_id
from control.row_changes
where
    table_name = 'contacts'
    and user_id is not null
    and load_id > %(after_load)s
