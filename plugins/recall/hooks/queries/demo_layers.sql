-- One row per layer with open episodes, the nearest first.
select
    layers.layer_name,
    count(*) as episode_count
from marts.fct_recall_layers as recall_layers
inner join (
    select
        layer_code,
        max(layer_name) as layer_name,
        max(lower_edge) as lower_edge
    from definitions.layers
    group by layer_code
) as layers
    on recall_layers.layer_code = layers.layer_code
group by
    layers.layer_name,
    layers.lower_edge
order by layers.lower_edge desc
