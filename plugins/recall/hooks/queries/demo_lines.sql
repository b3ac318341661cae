-- One row per line with customers, the largest first.
select
    lines.line_name,
    lines.lapse_days,
    count(*) as customer_count,
    sum(case when flags.is_churned then 1 else 0 end) as churned_count
from marts.fct_churn_flags as flags
inner join marts.dim_lines as lines
    on flags.line_id = lines.line_id
group by
    lines.line_id,
    lines.line_name,
    lines.lapse_days
order by
    count(*) desc,
    lines.line_id
