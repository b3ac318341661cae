-- One row per line and month from the first key day's to D's: how many customers came, stayed, came back and went.
{{ config(scope='all') }}

select
    line_id,
    month,
    is_complete,
    active_count,
    new_count,
    retained_count,
    resurrected_count,
    lost_count
from {{ ref('int_lifecycle_transitions__delta') }}
