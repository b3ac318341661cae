{#
    Every code of every dimension that layers are counted in: the bins, the layers, and the layers once more as
    they are without visits. Renders a select of dimension_code, layer_code.
#}
{% macro layer_dimension_codes() %}
    select
        dimension_code,
        layer_code
    from ({{ layer_bins_in_force() }}) as bins

    union all

    select
        dimensions.dimension_code,
        layers.layer_code
    from ({{ layers_in_force() }}) as layers
    cross join (
        select 'layer' as dimension_code
        union all
        select 'layer_without_visits' as dimension_code
    ) as dimensions
{% endmacro %}
