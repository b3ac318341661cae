-- One row per line and layer on the as-of date.
select
    line_id,
    layer_code,
    user_count as episode_count
from marts.fct_layer_distribution
where
    dimension_code = 'layer'
    and as_of_date = %(as_of_date)s
order by
    line_id,
    layer_code
