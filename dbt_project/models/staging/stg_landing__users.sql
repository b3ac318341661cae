-- One row per user that registered up to the as-of date; users merged into another are left out.
with

users as (

    select
        users.user_id,
        users.registered_at,
        users.acquisition_channel,
        users.gender,
        users.birth_date,
        users.age_band,
        users.region,
        users.occupation,
        users.tier,
        users.time_zone,
        users.locale
    from
        {{ visible_rows(
            'users',
            ['user_id'],
            [
                'registered_at', 'acquisition_channel', 'gender', 'birth_date', 'age_band', 'region', 'occupation',
                'tier', 'time_zone', 'locale',
            ],
        ) }} as users

),

user_merges as (

    select user_id
    from {{ ref('stg_landing__user_merges') }}

),

final as (

    select
        users.user_id,
        users.user_id as source_user_id,
        users.registered_at,
        {{ business_date('users.registered_at') }} as registered_date,
        users.acquisition_channel,
        users.gender,
        users.birth_date,
        users.age_band,
        users.region,
        users.occupation,
        users.tier,
        users.time_zone,
        users.locale
    from users
    left join user_merges
        on users.user_id = user_merges.user_id
    where
        user_merges.user_id is null
        and (
            users.registered_at is null
            or {{ business_date('users.registered_at') }} <= {{ as_of_date() }}
        )

)

select
    user_id,
    source_user_id,
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
from final
