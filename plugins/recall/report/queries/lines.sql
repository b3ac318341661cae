-- One row per line with customers: how many of them have lapsed, how many ever came back, and what the latest fit says.
select
    lines.line_id,
    lines.line_name,
    lines.frequency_class,
    lines.lapse_days,
    flags.customer_count,
    flags.churned_count,
    coalesce(episodes.episode_count, 0) as episode_count,
    coalesce(episodes.returned_count, 0) as returned_count,
    limits.lapse_days_in_force,
    limits.lapse_days_suggested,
    limits.elbow_days,
    coalesce(limits.is_drifting, false) as is_drifting
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
left join marts.fct_churn_limits as limits
    on
        lines.line_id = limits.line_id
        and limits.fitted_date = (
            select max(fits.fitted_date)
            from marts.fct_churn_limits as fits
            where fits.fitted_date <= %(as_of_date)s
        )
order by
    flags.customer_count desc,
    lines.line_id
