-- One row per changed user and line in which the user ever visited: the first visit.
{{ config(post_hook='{{ analyze(this) }}') }}

with

user_days as (

    select
        user_id,
        line_id,
        activity_date
    from {{ ref('int_user_days__tonight') }}
    where
        visit_count > 0
        and line_id <> 'any'

)

select
    user_id,
    line_id,
    min(activity_date) as first_visit_date
from user_days
group by
    user_id,
    line_id
