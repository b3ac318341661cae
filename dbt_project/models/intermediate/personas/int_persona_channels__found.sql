-- One row per open episode of a changed user with visits on a channel up to the lapse: the channel of most visits.
{{ config(materialized='ephemeral') }}

select
    user_id,
    line_id,
    channel as main_visit_channel
from {{ ref('int_persona_channels__ranked') }}
where rank_number = 1

union all

select
    user_id,
    line_id,
    main_visit_channel
from {{ ref('int_personas__standing') }}
where main_visit_channel is not null
