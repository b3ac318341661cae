-- One row per episode, open or returned: the persona and the primary reason decided at the lapse, and what they hang
-- on.
{{ config(
    materialized='published',
    scope='profiled_episodes',
    contract={'enforced': true},
    indexes=[
        {'columns': ['preferred_category', 'lapsed_date']},
        {'columns': ['preferred_product_id', 'lapsed_date']},
        {'columns': ['acquisition_channel', 'lapsed_date']},
    ],
) }}

select
    user_id,
    line_id,
    last_key_date,
    lapsed_date,
    returned_date,
    persona_code,
    reason_code,
    acquisition_channel,
    preferred_category,
    preferred_product_id,
    last_listed_date
from {{ ref('int_episode_profiles__delta') }}
