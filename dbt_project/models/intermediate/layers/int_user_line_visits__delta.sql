-- One row per user who is read again and line in which the user ever visited, with the first visit; and per line that
-- another changed user visited for the first time. All other first visits stand.
-- depends_on: {{ ref('int_users__reread') }}
{{ config(post_hook='{{ analyze(this) }}') }}

with

first_visits as (

    select
        user_id,
        line_id,
        min(activity_date) as first_visit_date
    from {{ ref('int_user_days__tonight') }}
    where
        visit_count > 0
        and line_id <> 'any'
    group by
        user_id,
        line_id

)

select
    first_visits.user_id,
    first_visits.line_id,
    first_visits.first_visit_date
from first_visits
{%- if not is_full_rebuild() %}
    left join {{ ref('int_users__reread') }} as reread_users
        on first_visits.user_id = reread_users.user_id
    left join {{ yesterday('int_user_line_visits') }} as standing_visits
        on
            first_visits.user_id = standing_visits.user_id
            and first_visits.line_id = standing_visits.line_id
    where
        reread_users.user_id is not null
        or standing_visits.user_id is null
{%- endif %}
