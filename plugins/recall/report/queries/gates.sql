-- One row per check of each door's last run for the as-of date.
select
    results.door,
    results.suite_name,
    results.table_name,
    results.column_name,
    results.description,
    results.status,
    results.checked_count,
    results.failed_count
from control.gate_results as results
inner join (
    select
        door,
        max(gate_run_id) as gate_run_id
    from control.gate_results
    where as_of_date = %(as_of_date)s
    group by door
) as last_runs
    on
        results.door = last_runs.door
        and results.gate_run_id = last_runs.gate_run_id
order by
    case results.door when 'raw' then 1 else 2 end,
    case results.status when 'passed' then 2 else 1 end,
    results.suite_name,
    results.description
