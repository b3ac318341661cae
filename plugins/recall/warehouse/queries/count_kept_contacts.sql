select count(*)
from pii.contact_points as points
where points.contact_id in (
    select sends.contact_id
    from ledger.persons as persons
    inner join ledger.sends as sends on persons.person_id = sends.person_id and persons.user_id = sends.user_id
    where persons.user_id = any(%(user_ids)s)
)
