{#-
    The rows of a staging view that belong to some of tonight's changed users. A relation to select from: all rows on
    a full rebuild, otherwise those that an index on the raw user_id finds, user by user.

    Args:
        view: The staging view, by `ref`; it has source_user_id.
        users: A relation with one row per source_user_id.
-#}
{% macro rows_of_users(view, users) -%}
    {{ adapter.dispatch('rows_of_users', 'recall')(view, users) }}
{%- endmacro %}


{% macro postgres__rows_of_users(view, users) -%}
    {%- if is_full_rebuild() -%}
        {{ view }}
    {%- else -%}
        (
            select found.*
            from {{ users }} as wanted
            cross join lateral (
                select *
                from {{ view }} as view_rows
                where view_rows.source_user_id = wanted.source_user_id
                -- Keeps the planner from turning this around and reading all rows of all users.
                offset 0
            ) as found
        )
    {%- endif -%}
{%- endmacro %}
