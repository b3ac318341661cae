-- One row per week of the last two years, counted back from the as-of date, and primary reason: open episodes of all
-- lines together.
select
    as_of_date,
    reason_code,
    sum(user_count) as episode_count
from marts.fct_reason_summary
where
    as_of_date > cast(cast(%(as_of_date)s as date) - interval '2 years' as date)
    and mod(cast(%(as_of_date)s as date) - as_of_date, 7) = 0
group by
    as_of_date,
    reason_code
order by
    as_of_date,
    reason_code
