-- One row per user who ever did anything: the last days of it.
{{ config(materialized='published', scope='users', contract={'enforced': true}) }}

select
    user_id,
    last_active_date,
    last_interaction_date
from {{ ref('int_user_activities__delta') }}
