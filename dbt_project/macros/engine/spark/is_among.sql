{% macro spark__is_among(value, condition, partition) -%}
    coalesce(
        array_contains(
            collect_list(case when {{ condition }} then {{ value }} end) over (partition by {{ partition | join(', ') }}),
            {{ value }}
        ),
        false
    )
{%- endmacro %}
