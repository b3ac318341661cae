-- One row per open episode of a changed user whose persona is decided tonight: who lapsed, as known at the lapse.
{{ config(materialized='ephemeral') }}

with

episodes as (

    select
        user_id,
        line_id,
        episode_number,
        last_key_date,
        lapsed_date,
        order_count,
        net_amount,
        average_order_amount,
        last_order_date
    from {{ ref('int_persona_measures__summed') }}
    where
        is_open
        and is_changed

),

users as (

    select
        user_id,
        gender,
        age_band,
        region,
        occupation
    from {{ ref('int_users__delta') }}

),

age_bands as (

    {{ age_bands_in_force() }}

),

matched_rules as (

    select
        user_id,
        line_id,
        last_key_date,
        persona_code,
        age_years
    from {{ ref('int_persona_rules__matched') }}

),

main_channels as (

    select
        user_id,
        line_id,
        channel as main_visit_channel
    from {{ ref('int_persona_channels__ranked') }}
    where rank_number = 1

),

preferences as (

    select
        user_id,
        line_id,
        last_key_date,
        preferred_category
    from {{ ref('int_episode_preferences__found') }}

)

select
    episodes.user_id,
    episodes.line_id,
    episodes.episode_number,
    episodes.last_key_date,
    matched_rules.persona_code,

    -- demographics, the age at the lapse
    users.gender,
    coalesce(age_bands.age_band, users.age_band) as age_band,
    users.region,
    users.occupation,

    -- behaviour in the line up to the lapse
    main_channels.main_visit_channel,
    preferences.preferred_category,
    episodes.average_order_amount,
    episodes.order_count,
    episodes.net_amount,
    {{ currency_code() }} as currency_code,
    episodes.last_order_date
from episodes
inner join matched_rules
    on
        episodes.user_id = matched_rules.user_id
        and episodes.line_id = matched_rules.line_id
        and episodes.last_key_date = matched_rules.last_key_date
left join users
    on episodes.user_id = users.user_id
left join age_bands
    on
        matched_rules.age_years >= age_bands.lower_age
        and (age_bands.upper_age is null or matched_rules.age_years < age_bands.upper_age)
left join main_channels
    on
        episodes.user_id = main_channels.user_id
        and episodes.line_id = main_channels.line_id
left join preferences
    on
        episodes.user_id = preferences.user_id
        and episodes.line_id = preferences.line_id
        and episodes.last_key_date = preferences.last_key_date
