-- One row per step of the funnel: users of each of the last 28 days together, in any line, who came that far on the day.
select
    step_number,
    step_code,
    sum(user_count) as user_count
from marts.fct_funnel_steps
where
    line_id = 'any'
    and activity_date > cast(%(as_of_date)s as date) - 28
group by
    step_number,
    step_code
order by step_number
