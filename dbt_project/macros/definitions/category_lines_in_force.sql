{#
    The line of each listed category on the as-of date: per category the row of the greatest valid_from not after
    it. A category that is not here, or whose line is not in force yet, belongs to line `all`.
    Renders a select of category, line_id.
#}
{% macro category_lines_in_force() %}
    select
        category_lines.category,
        category_lines.line_id
    from
        {{ latest_rows(
            source('definitions', 'category_lines'),
            key='category',
            latest_by='valid_from',
            columns=['line_id'],
            condition='valid_from <= ' ~ as_of_date()
        ) }} as category_lines
    where category_lines.line_id in (select lines.line_id from ({{ lines_in_force() }}) as lines)
{% endmacro %}
