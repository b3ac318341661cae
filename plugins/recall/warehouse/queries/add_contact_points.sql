-- New contacts get a random id; of spellings that mean the same mailbox the one of the smallest user is kept.
insert into pii.contact_points (contact_id, contact_code, contact_value, contact_hash, key_version)
select distinct on (contact_code, contact_hash)
    cast(gen_random_uuid() as text),
    contact_code,
    contact_value,
    contact_hash,
    %(key_version)s
from normalised_contacts
order by contact_code asc, contact_hash asc, user_id asc, contact_value asc
on conflict (contact_code, contact_hash, key_version) do nothing
