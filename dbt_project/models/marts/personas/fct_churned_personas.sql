-- One row per open episode: who lapsed, as known at the lapse, and the user's last interaction since.
{{ config(scope='users') }}

select
    user_id,
    line_id,
    episode_number,
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
    last_interaction_at,
    last_key_date
from {{ ref('int_churned_personas__delta') }}
