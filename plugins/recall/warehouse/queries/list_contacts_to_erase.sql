-- Whatever is known to reach the users: as delivered, as linked, and as they were once selected for.
select
    kinds.contact_code,
    kinds.contact_text
from (
    select user_id, phone, email, wechat_openid, postal_address from pii.contacts
    union all
    select user_id, phone, email, wechat_openid, postal_address from pii.contacts_versions
) as delivered
cross join lateral (
    values
    ('phone', delivered.phone),
    ('email', delivered.email),
    ('wechat_openid', delivered.wechat_openid),
    ('postal_address', delivered.postal_address)
) as kinds (contact_code, contact_text)
where delivered.user_id = any(%(user_ids)s) and kinds.contact_text is not null
union
select
    points.contact_code,
    points.contact_value
from pii.contact_points as points
where points.contact_id in (
    select links.contact_id from pii.user_contact_points as links where links.user_id = any(%(user_ids)s)
    union
    select entries.contact_id from ledger.entries as entries where entries.user_id = any(%(user_ids)s)
    union
    select sends.contact_id
    from ledger.persons as persons
    inner join ledger.sends as sends on persons.person_id = sends.person_id and persons.user_id = sends.user_id
    where persons.user_id = any(%(user_ids)s)
)
