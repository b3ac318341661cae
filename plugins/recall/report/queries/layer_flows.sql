-- One row per month of the last two years and layer: how many more open episodes of all lines it holds at the month's end
-- (of the last month: on the as-of date) than at the end of the month before.
with

month_ends as (

    select
        cast(date_trunc('month', cast(as_of_date as timestamp)) as date) as month,
        layer_code,
        sum(user_count) as episode_count
    from marts.fct_layer_distribution
    where
        dimension_code = 'layer'
        and as_of_date > cast(cast(%(as_of_date)s as date) - interval '25 months' as date)
        and (as_of_date = %(as_of_date)s or extract(day from as_of_date + 1) = 1)
    group by
        as_of_date,
        layer_code

),

flows as (

    select
        month,
        layer_code,
        episode_count,
        episode_count - coalesce(
            lag(episode_count) over (partition by layer_code order by month), 0
        ) as change_count
    from month_ends

)

select
    month,
    layer_code,
    episode_count,
    change_count
from flows
where month > cast(cast(%(as_of_date)s as date) - interval '2 years' as date)
order by
    month,
    layer_code
