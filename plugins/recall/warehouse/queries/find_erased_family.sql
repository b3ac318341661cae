-- The user and everybody whom the source says to be the same, over any number of merges; nobody if nothing knows of the
-- user.
with recursive

links as (
    select user_id, merged_into as other_id
    from raw.users
    where merged_into is not null
    union
    select user_id, merged_into as other_id
    from raw.users_versions
    where merged_into is not null
),

family (user_id) as (
    select cast(%(user_id)s as text)
    union
    select neighbours.user_id
    from family
    cross join lateral (
        select links.other_id as user_id from links where links.user_id = family.user_id
        union all
        select links.user_id from links where links.other_id = family.user_id
    ) as neighbours
)

select family.user_id
from family
where
    exists (select from raw.users where users.user_id = %(user_id)s)
    or exists (select from pii.contacts where contacts.user_id = %(user_id)s)
    or exists (select from raw.orders where orders.user_id = %(user_id)s)
    or exists (select from raw.visits where visits.user_id = %(user_id)s)
    or exists (select from raw.feedback where feedback.user_id = %(user_id)s)
    or exists (select from ledger.persons where persons.user_id = %(user_id)s)
    or exists (select from ledger.erasures where erasures.user_id = %(user_id)s)
order by family.user_id
