-- One row per user and line in which the user ever visited.
{{ config(materialized='published', scope='reread_users', contract={'enforced': true}) }}

select
    user_id,
    line_id,
    first_visit_date
from {{ ref('int_user_line_visits__delta') }}
