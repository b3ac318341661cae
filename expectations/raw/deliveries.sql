-- The files that came since the served build, and those that are refused however old they are.
select
    files.state,
    files.row_count - files.loaded_count - files.quarantined_count - files.repeated_count
    - files.superseded_count - files.erased_count as unaccounted_count
from control.files
where
    files.load_id > coalesce((select published.load_id from control.published), 0)
    or files.state = 'rejected'
