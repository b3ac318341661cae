-- needs marts.fct_churn_flags
select
    line_id,
    frequency_class,
    lapse_days,
    last_key_date,
    inactive_days,
    is_churned,
    churned_date,
    episode_count
from marts.fct_churn_flags
where user_id = %(user_id)s
order by line_id
