{% macro spark__latest_rows(relation, key, latest_by, columns, condition) -%}
    (
        select {{ key }}, {{ columns | join(', ') }}
        from (
            select
                {{ key }},
                {{ columns | join(', ') }},
                row_number() over (partition by {{ key }} order by {{ latest_by }} desc) as recency_number
            from {{ relation }}
            where {{ condition }}
        ) as numbered_rows
        where recency_number = 1
    )
{%- endmacro %}
