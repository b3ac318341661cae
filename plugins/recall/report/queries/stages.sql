-- One row per stage of life as of the published day: customers of all lines together, once per line.
select
    stage_code,
    count(*) as customer_count
from marts.fct_lifecycle_stages
group by stage_code
order by
    case stage_code
        when 'prospect' then 1
        when 'introduced' then 2
        when 'growing' then 3
        when 'mature' then 4
        when 'declining' then 5
        when 'lapsed' then 6
        else 7
    end,
    stage_code
