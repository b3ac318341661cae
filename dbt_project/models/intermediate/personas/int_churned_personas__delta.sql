-- One row per open episode of a changed user: who lapsed, as known at the lapse, and the last interaction since. What
-- stands is as yesterday knew it.
{{ config(post_hook='{{ analyze(this) }}') }}

with

last_interactions as (

    select
        user_id,
        action,
        object_type,
        object_id,
        interacted_at
    from {{ ref('int_last_interactions__found') }}

),

personas as (

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
        last_order_date
    from {{ ref('int_churned_personas__decided') }}

    union all

    select
        standing_personas.user_id,
        standing_personas.line_id,
        standing_personas.episode_number,
        standing_personas.last_key_date,
        standing_personas.persona_code,
        standing_personas.gender,
        standing_personas.age_band,
        standing_personas.region,
        standing_personas.occupation,
        standing_personas.main_visit_channel,
        standing_personas.preferred_category,
        standing_personas.average_order_amount,
        standing_personas.order_count,
        standing_personas.net_amount,
        standing_personas.currency_code,
        standing_personas.last_order_date
    from {{ ref('int_profiles__standing') }} as standing_profiles
    inner join {{ yesterday('fct_churned_personas') }} as standing_personas
        on
            standing_profiles.user_id = standing_personas.user_id
            and standing_profiles.line_id = standing_personas.line_id
            and standing_profiles.last_key_date = standing_personas.last_key_date
    where standing_profiles.is_open

),

final as (

    select
        personas.user_id,
        personas.line_id,
        personas.episode_number,
        personas.last_key_date,
        personas.persona_code,
        personas.gender,
        personas.age_band,
        personas.region,
        personas.occupation,
        personas.main_visit_channel,
        personas.preferred_category,
        personas.average_order_amount,
        personas.order_count,
        personas.net_amount,
        personas.currency_code,
        personas.last_order_date,

        -- the latest visit or order in any line, up to D
        last_interactions.action as last_interaction_action,
        last_interactions.object_type as last_interaction_object_type,
        last_interactions.object_id as last_interaction_object_id,
        last_interactions.interacted_at as last_interaction_at
    from personas
    left join last_interactions
        on personas.user_id = last_interactions.user_id

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
