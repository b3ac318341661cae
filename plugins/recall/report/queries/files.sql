-- One row per table of the landing folder: where the records of its files are now.
select
    table_name,
    sum(case when state = 'rejected' then 1 else 0 end) as rejected_count,
    sum(case when state = 'accepted' then 1 else 0 end) as accepted_count,
    sum(case when state = 'loaded' then row_count else 0 end) as row_count,
    sum(case when state = 'loaded' then loaded_count else 0 end) as loaded_count,
    sum(case when state = 'loaded' then quarantined_count else 0 end) as quarantined_count,
    sum(case when state = 'loaded' then repeated_count else 0 end) as repeated_count,
    sum(case when state = 'loaded' then superseded_count else 0 end) as superseded_count
from control.files
where state <> 'replaced'
group by table_name
order by
    sum(case when state = 'loaded' then row_count else 0 end) desc,
    table_name
