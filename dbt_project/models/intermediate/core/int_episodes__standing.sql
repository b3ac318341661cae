-- One row per lapse episode of a changed user that stands: it comes before the last key day of days that stand.
{{ config(post_hook='{{ analyze(this) }}') }}

select
    episodes.user_id,
    episodes.line_id,
    episodes.last_key_date
from {{ ref('int_customer_lines__standing') }} as standing_lines
inner join {{ yesterday('fct_lapse_episodes') }} as episodes
    on
        standing_lines.user_id = episodes.user_id
        and standing_lines.line_id = episodes.line_id
        and standing_lines.last_key_date > episodes.last_key_date
