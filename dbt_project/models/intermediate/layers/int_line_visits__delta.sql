-- One row per line that has a visit up to D, of whomever: its first one.
-- depends_on: {{ ref('int_users__reread') }}
{{ config(post_hook='{{ analyze(this) }}') }}

with

user_line_visits as (

    select
        visits.line_id,
        visits.first_visit_date
    from {{ tonight('int_user_line_visits', ['line_id', 'first_visit_date']) }} as visits

)

select
    line_id,
    min(first_visit_date) as first_visit_date
from user_line_visits
group by line_id
