-- One row per month of the last two years: how many customers of all lines together came, stayed, came back and went.
select
    month,
    is_complete,
    sum(new_count) as new_count,
    sum(retained_count) as retained_count,
    sum(resurrected_count) as resurrected_count,
    sum(lost_count) as lost_count
from marts.fct_lifecycle_transitions
where month > cast(cast(%(as_of_date)s as date) - interval '2 years' as date)
group by
    month,
    is_complete
order by month
