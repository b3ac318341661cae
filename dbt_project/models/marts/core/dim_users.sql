-- One row per user who is registered or did anything up to the as-of date.
{{ config(scope='users') }}

select
    user_id,
    registered_at,
    registered_date,
    acquisition_channel,
    gender,
    birth_date,
    age_band,
    region,
    occupation,
    tier,
    time_zone,
    locale,
    is_listed
from {{ ref('int_users__delta') }}
