{#
    The line of each listed category on the as-of date: per category the row of the greatest valid_from not after
    it. A category that is not here, or whose line is not in force yet, belongs to line `all`.
    Renders a select of category, line_id.
#}
{% macro category_lines_in_force() %}
    select
        category_lines.category,
        category_lines.line_id
    from {{ source('definitions', 'category_lines') }} as category_lines
    inner join (
        select
            category,
            max(valid_from) as valid_from
        from {{ source('definitions', 'category_lines') }}
        where valid_from <= {{ as_of_date() }}
        group by category
    ) as category_dates
        on
            category_lines.category = category_dates.category
            and category_lines.valid_from = category_dates.valid_from
    inner join ({{ lines_in_force() }}) as lines
        on category_lines.line_id = lines.line_id
{% endmacro %}
