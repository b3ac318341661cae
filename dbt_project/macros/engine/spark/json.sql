{#- Spark writes an array as JSON, but no bare text: the brackets come off. -#}
{% macro spark__json_string(value) -%}
    regexp_extract(to_json(array(left({{ value }}, 60))), '^.(.*).$', 1)
{%- endmacro %}


{% macro spark__json_items(value) -%}
    array_join(slice(array_sort(collect_set({{ json_string(value) }})), 1, 5), ', ')
{%- endmacro %}


{% macro spark__joined_texts(value, order_by, separator) -%}
    listagg({{ value }}, '{{ separator }}') within group (order by {{ order_by }})
{%- endmacro %}
