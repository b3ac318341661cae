-- One row per open episode of a changed user: who lapsed, as known at the lapse, and the last interaction since.
{{ config(post_hook='{{ analyze(this) }}') }}

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
        main_visit_channel
    from {{ ref('int_persona_channels__found') }}

),

preferences as (

    select
        user_id,
        line_id,
        last_key_date,
        preferred_category
    from {{ ref('int_episode_preferences__found') }}

),

last_interactions as (

    select
        user_id,
        action,
        object_type,
        object_id,
        interacted_at
    from {{ ref('int_last_interactions__found') }}

),

final as (

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
        episodes.last_order_date,

        -- the latest visit or order in any line, up to D
        last_interactions.action as last_interaction_action,
        last_interactions.object_type as last_interaction_object_type,
        last_interactions.object_id as last_interaction_object_id,
        last_interactions.interacted_at as last_interaction_at
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
    left join last_interactions
        on episodes.user_id = last_interactions.user_id

)

select
    user_id,
    line_id,
    episode_number,
    last_key_date,
    persona_code,
    gender,
    age_band,
    region,
    occupation,
    main_visit_channel,
    preferred_category,
    average_order_amount,
    order_count,
    net_amount,
    currency_code,
    last_order_date,
    last_interaction_action,
    last_interaction_object_type,
    last_interaction_object_id,
    last_interaction_at
from final
