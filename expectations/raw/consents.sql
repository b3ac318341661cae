-- The consents that are new or changed since the served build.
select
    channel,
    is_opted_in,
    changed_at,
    changed_at > statement_timestamp() as is_in_future
from raw.consents
where consents._load_id > coalesce((select published.load_id from control.published), 0)
