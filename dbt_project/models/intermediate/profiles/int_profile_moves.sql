-- One row per line, day, dimension (persona or reason) and code that more or fewer open episodes have than the day
-- before.
{{ config(materialized='published', scope='all', contract={'enforced': true}) }}

select
    line_id,
    move_date,
    dimension_code,
    profile_code,
    user_change
from {{ ref('int_profile_moves__delta') }}
