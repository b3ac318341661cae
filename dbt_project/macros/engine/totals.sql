{#-
    A grouping with a total in the same pass: a row per group of all columns, and one per group of the columns that are in
    every total. Its aggregates then run over all rows of the others, which `is_total` tells from a value.

    Args:
        columns: The columns that the totals are grouped by.
        left_out: The columns that they leave out.
-#}
{% macro group_by_with_total(columns, left_out) -%}
    group by grouping sets (({{ (columns + left_out) | join(', ') }}), ({{ columns | join(', ') }}))
{%- endmacro %}


{#- Whether a row is the total over a column: true in SQL. -#}
{% macro is_total(column) -%}
    (grouping({{ column }}) = 1)
{%- endmacro %}
