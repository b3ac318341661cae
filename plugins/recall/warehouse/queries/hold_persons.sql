-- Holds the persons of entries, and whoever shares their contact, until the transaction ends, in one order for everybody:
-- claims in two channels, or for two persons at one contact, see each other, and none waits for one that waits for it.
with asked as (
    select person_id, contact_id
    from ledger.entries
    where audience_id = any(%(audience_ids)s)
)

select person_id
from ledger.global_holdouts
where
    person_id in (
        select asked.person_id
        from asked
        union all
        select persons.person_id
        from asked
        inner join pii.user_contact_points as points on asked.contact_id = points.contact_id
        inner join ledger.persons as persons on points.user_id = persons.user_id
    )
order by person_id
for no key update
