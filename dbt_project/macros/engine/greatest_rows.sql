{#-
    An aggregate: of the rows of a group the one with the greatest first value, then the greatest second one and so on. It
    needs one pass and no sort; a row without a first value does not take part.

    Args:
        values: SQL expressions of one numeric type, of which only the first may be null.
-#}
{% macro greatest_row(values) -%}
    max(case when {{ values[0] }} is not null then array[{{ values | join(', ') }}] end)
{%- endmacro %}


{#- A value of such a row, by its place from 1; null where the group has no row. -#}
{% macro value_of_row(row, place) -%}
    {{ row }}[{{ place }}]
{%- endmacro %}
