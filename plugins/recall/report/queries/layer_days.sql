-- One row per day and layer: open episodes of all lines together.
select
    as_of_date,
    layer_code,
    sum(user_count) as episode_count
from marts.fct_layer_distribution
where dimension_code = 'layer'
group by
    as_of_date,
    layer_code
order by
    as_of_date,
    layer_code
