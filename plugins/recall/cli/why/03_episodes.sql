-- needs marts.fct_lapse_episodes
select
    line_id,
    episode_number,
    last_key_date,
    lapsed_date,
    returned_date,
    is_open
from marts.fct_lapse_episodes
where user_id = %(user_id)s
order by last_key_date desc, line_id
limit 20
