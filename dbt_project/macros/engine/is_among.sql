{#-
    Whether a row's value is among those of its partition's rows that fulfil a condition: true or false in SQL.

    Args:
        value: The value, a column.
        condition: Which rows are meant, in SQL.
        partition: The columns of the partition.
-#}
{% macro is_among(value, condition, partition) -%}
    {{ adapter.dispatch('is_among', 'recall')(value, condition, partition) }}
{%- endmacro %}


{% macro postgres__is_among(value, condition, partition) -%}
    coalesce(
        {{ value }} = any(
            array_agg({{ value }}) filter (where {{ condition }}) over (partition by {{ partition | join(', ') }})
        ),
        false
    )
{%- endmacro %}
