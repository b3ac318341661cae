-- One row per answer to the question of recommendation that has a score: what a night takes back of a month.
{{ config(
    materialized='published',
    scope='user_days',
    date_column='submitted_date',
    contract={'enforced': true},
    indexes=[{'columns': ['user_id', 'submitted_date']}],
) }}

select
    feedback_id,
    user_id,
    submitted_date,
    score
from {{ ref('int_nps_answers__delta') }}
