-- One row per lapse episode, open or returned.
{{ config(scope='moved_episodes', indexes=[{'columns': ['line_id', 'lapsed_date']}]) }}

select
    user_id,
    line_id,
    episode_number,
    last_key_date,
    lapsed_date,
    returned_date,
    is_open
from {{ ref('int_lapse_episodes__delta') }}
