-- One row per day and primary reason: open episodes of all lines together.
select
    as_of_date,
    reason_code,
    sum(user_count) as episode_count
from marts.fct_reason_summary
group by
    as_of_date,
    reason_code
order by
    as_of_date,
    reason_code
