-- One row per table, column and broken rule: records that were set aside and whose file still counts.
select
    set_aside.table_name,
    set_aside.column_name,
    set_aside.rule_code,
    count(*) as record_count
from quarantine.rows as set_aside
inner join control.files as files
    on set_aside.file_id = files.file_id
where files.state = 'loaded'
group by
    set_aside.table_name,
    set_aside.column_name,
    set_aside.rule_code
order by
    count(*) desc,
    set_aside.table_name,
    set_aside.column_name,
    set_aside.rule_code
