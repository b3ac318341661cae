-- No step has more users than the one before, and nobody is counted below zero.
with

steps as (

    select
        line_id,
        activity_date,
        step_number,
        user_count,
        lag(user_count) over (partition by line_id, activity_date order by step_number) as user_count_before
    from {{ ref('int_funnel_steps__delta') }}

)

select
    line_id,
    activity_date,
    step_number,
    user_count,
    user_count_before
from steps
where
    user_count < 0
    or user_count > user_count_before
