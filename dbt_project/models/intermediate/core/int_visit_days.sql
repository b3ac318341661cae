-- One row per user, day, line that visits name (empty: none) and channel, and per day one of all visits, line any: what
-- visits came to, kept by user, so that a night need not look up visits that lie scattered over the years.
{{ config(
    materialized='published', scope='replaced_user_days', date_column='visited_date', contract={'enforced': true}
) }}

select
    user_id,
    visited_date,
    line_id,
    channel,
    visit_count,
    unlined_visit_count,
    channel_visit_count,
    channel_unlined_visit_count,
    action_count,
    funnel_step_number
from {{ ref('int_visit_days__delta') }}
