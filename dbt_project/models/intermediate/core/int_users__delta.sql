-- One row per changed user who is registered or did anything: the new rows of dim_users.
-- depends_on: {{ ref('int_users__reread') }}
{{ config(post_hook='{{ analyze(this) }}') }}

with

changed_users as (

    select user_id
    from {{ ref('int_users__changed') }}

),

registered_users as (

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
        locale
    from {{ rows_of_changed_users(ref('stg_landing__users')) }}

),

active_rows as (

    select user_id
    from {{ ref('int_user_days__tonight') }}
    where line_id = 'any'
    {%- if not is_full_rebuild() %}

        union all

        -- Whoever was there and has all days still is there.
        select user_id
        from {{ standing_rows('dim_users', ['user_id']) }} as standing_users
    {%- endif %}

),

active_users as (

    select user_id
    from active_rows
    group by user_id

),

final as (

    select
        changed_users.user_id,
        registered_users.registered_at,
        registered_users.registered_date,
        registered_users.acquisition_channel,
        registered_users.gender,
        registered_users.birth_date,
        registered_users.age_band,
        registered_users.region,
        registered_users.occupation,
        registered_users.tier,
        registered_users.time_zone,
        registered_users.locale,
        (registered_users.user_id is not null) as is_listed
    from changed_users
    left join registered_users
        on changed_users.user_id = registered_users.user_id
    left join active_users
        on changed_users.user_id = active_users.user_id
    where
        registered_users.user_id is not null
        or active_users.user_id is not null

)

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
from final
