-- One row per line, day, dimension (persona or reason) and code that tonight more or fewer open episodes have than the
-- day before.
-- depends_on: {{ ref('int_users__profiled') }}, {{ ref('int_profiles__standing') }}
{{ config(post_hook='{{ analyze(this) }}') }}

{{ span_moves(
    spans='int_episode_profiles',
    moves='int_profile_moves',
    dimensions={'persona': 'persona_code', 'reason': 'reason_code'},
    code='profile_code',
    valid_from='lapsed_date',
    valid_to='returned_date',
) }}
