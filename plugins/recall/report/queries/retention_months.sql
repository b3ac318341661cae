-- One row per cohort type, month of the last year and day looked at: who of the month's cohorts was active on that day.
-- Cohorts whose day has not come are in neither number.
select
    cohort_type,
    cast(date_trunc('month', cast(cohort_date as timestamp)) as date) as month,
    day_number,
    sum(cohort_count) as cohort_count,
    sum(retained_count) as retained_count
from marts.fct_retention
where cohort_date > cast(cast(%(as_of_date)s as date) - interval '1 year' as date)
group by
    cohort_type,
    cast(date_trunc('month', cast(cohort_date as timestamp)) as date),
    day_number
order by
    cohort_type,
    month,
    day_number
