-- One row per line with customers: how many of them have lapsed, and how many ever came back.
select
    lines.line_id,
    lines.line_name,
    lines.frequency_class,
    lines.lapse_days,
    flags.customer_count,
    flags.churned_count,
    coalesce(episodes.episode_count, 0) as episode_count,
    coalesce(episodes.returned_count, 0) as returned_count
from marts.dim_lines as lines
inner join (
    select
        line_id,
        count(*) as customer_count,
        sum(case when is_churned then 1 else 0 end) as churned_count
    from marts.fct_churn_flags
    group by line_id
) as flags
    on lines.line_id = flags.line_id
left join (
    select
        line_id,
        count(*) as episode_count,
        sum(case when is_open then 0 else 1 end) as returned_count
    from marts.fct_lapse_episodes
    group by line_id
) as episodes
    on lines.line_id = episodes.line_id
order by
    flags.customer_count desc,
    lines.line_id
