-- One row per episode whose persona and reasons are decided tonight, and per standing one that ended otherwise.
{{ config(post_hook='{{ analyze(this) }}') }}

with

episodes as (

    select
        user_id,
        line_id,
        last_key_date,
        lapsed_date,
        returned_date,
        acquisition_channel
    from {{ ref('int_episodes__profiled') }}

),

personas as (

    select
        user_id,
        line_id,
        last_key_date,
        persona_code
    from {{ ref('int_persona_rules__matched') }}

),

primary_reasons as (

    select
        user_id,
        line_id,
        last_key_date,
        reason_code
    from {{ ref('int_churn_reasons__scored') }}
    where is_primary

),

preferences as (

    select
        user_id,
        line_id,
        last_key_date,
        preferred_category,
        preferred_product_id,
        last_listed_date
    from {{ ref('int_episode_preferences__found') }}

)

select
    episodes.user_id,
    episodes.line_id,
    episodes.last_key_date,
    episodes.lapsed_date,
    episodes.returned_date,
    personas.persona_code,
    primary_reasons.reason_code,
    episodes.acquisition_channel,
    preferences.preferred_category,
    preferences.preferred_product_id,
    preferences.last_listed_date
from episodes
inner join personas
    on
        episodes.user_id = personas.user_id
        and episodes.line_id = personas.line_id
        and episodes.last_key_date = personas.last_key_date
inner join primary_reasons
    on
        episodes.user_id = primary_reasons.user_id
        and episodes.line_id = primary_reasons.line_id
        and episodes.last_key_date = primary_reasons.last_key_date
inner join preferences
    on
        episodes.user_id = preferences.user_id
        and episodes.line_id = preferences.line_id
        and episodes.last_key_date = preferences.last_key_date

union all

select
    profiles.user_id,
    profiles.line_id,
    profiles.last_key_date,
    profiles.lapsed_date,
    standing_profiles.returned_date,
    profiles.persona_code,
    profiles.reason_code,
    profiles.acquisition_channel,
    profiles.preferred_category,
    profiles.preferred_product_id,
    profiles.last_listed_date
from {{ ref('int_profiles__standing') }} as standing_profiles
inner join {{ yesterday('int_episode_profiles') }} as profiles
    on
        standing_profiles.user_id = profiles.user_id
        and standing_profiles.line_id = profiles.line_id
        and standing_profiles.last_key_date = profiles.last_key_date
where standing_profiles.is_moved
