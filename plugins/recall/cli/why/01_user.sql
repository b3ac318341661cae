-- needs marts.dim_users
select user_id, registered_date, acquisition_channel, region, tier
from marts.dim_users
where user_id = %(user_id)s
