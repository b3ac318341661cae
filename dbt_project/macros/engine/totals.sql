{#-
    A grouping with a total in the same pass: a row per group of all columns, and one per group of all but the last. Its
    aggregates then run over all rows of that last column, which `is_total` tells from a value.

    Args:
        columns: The columns to group by; the last one is left out in the totals.
-#}
{% macro group_by_with_total(columns) -%}
    group by grouping sets (({{ columns | join(', ') }}), ({{ columns[:-1] | join(', ') }}))
{%- endmacro %}


{#- Whether a row is the total over a column: true in SQL. -#}
{% macro is_total(column) -%}
    (grouping({{ column }}) = 1)
{%- endmacro %}
