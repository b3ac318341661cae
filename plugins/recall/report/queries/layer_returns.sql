-- One row per layer: of the episodes of all lines that came into it long enough ago, how many returned soon.
select
    layer_code,
    sum(episode_count) as episode_count,
    sum(returned_count) as returned_count,
    max(return_days) as return_days
from marts.fct_layer_returns
where dimension_code = 'layer'
group by layer_code
order by layer_code
