-- One row per action of a visit that a followed entry may count, looked up user by user. A table of its own: joined to
-- the entries in one query, the planner would go through all of them for each user.
{{ config(materialized='table', post_hook='{{ analyze(this) }}') }}

select
    user_id,
    visited_at,
    visited_date,
    {{ visit_code('session_id', 'visit_id') }} as visit_code
from
    {{ rows_of_users(
        ref('stg_landing__visits'), ref('int_entry_sources__followed'),
        since='from_date', date='visited_date', instant='visited_at', until='end_date',
    ) }} as visits
