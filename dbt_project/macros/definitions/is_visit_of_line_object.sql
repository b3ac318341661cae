{#- Whether a visit's object names a line by itself: a product or a category. Other visits follow the customer. -#}
{% macro is_visit_of_line_object(object_type, object_id) -%}
    (coalesce({{ object_type }}, '') in ('product', 'category') and {{ object_id }} is not null)
{%- endmacro %}
