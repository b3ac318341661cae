-- One row per week of the last two years, counted back from the as-of date, and layer: open episodes of all lines together.
select
    as_of_date,
    layer_code,
    sum(user_count) as episode_count
from marts.fct_layer_distribution
where
    dimension_code = 'layer'
    and as_of_date > cast(cast(%(as_of_date)s as date) - interval '2 years' as date)
    and mod(cast(%(as_of_date)s as date) - as_of_date, 7) = 0
group by
    as_of_date,
    layer_code
order by
    as_of_date,
    layer_code
