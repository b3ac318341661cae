-- needs marts.fct_churn_reasons
select
    line_id,
    episode_number,
    reason_code,
    score,
    is_primary,
    evidence
from marts.fct_churn_reasons
where user_id = %(user_id)s
order by
    line_id,
    score desc,
    is_primary desc,
    reason_code
