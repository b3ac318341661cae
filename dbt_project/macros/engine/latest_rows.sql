{#-
    Of each key the row with the greatest value of one column. A relation to select from.

    Written with `distinct on`: the planner then knows that about as many rows come out as there are keys, where for
    the same thing as a join with a maximum, or as a numbered row, it expects one and loops over it.

    Args:
        relation: Where to read.
        key: The key column.
        latest_by: The column whose greatest value wins.
        columns: The columns to read besides the key.
        condition: Which rows take part, as SQL.
-#}
{% macro latest_rows(relation, key, latest_by, columns, condition) -%}
    {{ adapter.dispatch('latest_rows', 'recall')(relation, key, latest_by, columns, condition) }}
{%- endmacro %}


{% macro postgres__latest_rows(relation, key, latest_by, columns, condition) -%}
    (
        select distinct on ({{ key }}) {{ key }}, {{ columns | join(', ') }}
        from {{ relation }}
        where {{ condition }}
        order by {{ key }} asc, {{ latest_by }} desc
    )
{%- endmacro %}
