-- The users are bound and not joined: only then does each branch of the view look them up by index.
select
    user_id,
    line_id,
    max(happened_date) as last_happened_date
from audiences.int_key_behaviours__unseen
where user_id = any(%(user_ids)s)
group by user_id, line_id
