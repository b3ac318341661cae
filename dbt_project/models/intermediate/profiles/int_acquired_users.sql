-- One row per registered user with an acquisition channel: whether the user was still there some weeks later.
{{ config(materialized='published', scope='users', contract={'enforced': true}) }}

select
    user_id,
    acquisition_channel,
    acquired_date,
    is_retained
from {{ ref('int_acquired_users__delta') }}
