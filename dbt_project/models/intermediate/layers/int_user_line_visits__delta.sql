-- One row per changed user and line in which the user ever visited: the first visit.
-- depends_on: {{ ref('int_users__changed') }}, {{ ref('int_users__reread') }}
{{ config(post_hook='{{ analyze(this) }}') }}

with

first_visits as (

    select
        user_id,
        line_id,
        activity_date as first_visit_date
    from {{ ref('int_user_days__tonight') }}
    where
        visit_count > 0
        and line_id <> 'any'
    {%- if not is_full_rebuild() %}

        union all

        select
            user_id,
            line_id,
            first_visit_date
        from {{ standing_rows('int_user_line_visits', ['user_id', 'line_id', 'first_visit_date']) }} as standing_visits
    {%- endif %}

)

select
    user_id,
    line_id,
    min(first_visit_date) as first_visit_date
from first_visits
group by
    user_id,
    line_id
