-- One row per reason of the open episodes: for how many it is the primary one, for how many it speaks, and how surely.
select
    reason_code,
    sum(case when is_primary then 1 else 0 end) as primary_count,
    count(*) as episode_count,
    avg(score) as mean_score
from marts.fct_churn_reasons
group by reason_code
order by
    sum(case when is_primary then 1 else 0 end) desc,
    count(*) desc,
    reason_code
