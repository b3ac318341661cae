insert into pii.user_contact_points (user_id, contact_code, contact_id)
select normalised.user_id, normalised.contact_code, points.contact_id
from normalised_contacts as normalised
inner join pii.contact_points as points
    on
        normalised.contact_code = points.contact_code
        and normalised.contact_hash = points.contact_hash
        and points.key_version = %(key_version)s
on conflict (user_id, contact_code) do update set contact_id = excluded.contact_id
where user_contact_points.contact_id <> excluded.contact_id
