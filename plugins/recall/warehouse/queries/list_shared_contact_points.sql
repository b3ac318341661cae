-- Users who share a contact point with somebody; at first each is a group of its own.
insert into shared_contacts (user_id, contact_id)
select user_id, contact_id
from pii.user_contact_points
where contact_id in (
    select contact_id from pii.user_contact_points group by contact_id having count(*) > 1
)
