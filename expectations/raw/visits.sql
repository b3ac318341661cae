-- The visits that are new or changed since the served build.
select
    user_id,
    action,
    visited_at,
    visited_at > statement_timestamp() as is_in_future
from raw.visits
where visits._load_id > coalesce((select published.load_id from control.published), 0)
