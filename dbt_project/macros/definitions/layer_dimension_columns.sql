{#-
    The dimensions that layers are counted in, and the column of int_layer_bands that holds each one's code. The layer
    stands there twice, with and without visits.
-#}
{% macro layer_dimension_columns() %}
    {{ return({
        'layer': 'layer_code',
        'layer_without_visits': 'layer_code_without_visits',
        'days_since_last_visit': 'days_since_last_visit_code',
        'visit_count_7d_before_last_visit': 'visit_count_7d_before_last_visit_code',
        'days_since_last_order': 'days_since_last_order_code',
        'order_count_30d_before_last_order': 'order_count_30d_before_last_order_code',
    }) }}
{% endmacro %}
