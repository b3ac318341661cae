{#-
    The rows of a published table, as tonight leaves them, of the users whose personas and reasons are decided tonight:
    the changed ones' from its delta, the others' from yesterday. A relation to select from.

    Args:
        name: The published model, with the scope users.
        columns: The columns to read; user_id is among them.
        delta: Where the changed users' rows are, by `ref`; the delta of the model by default.
-#}
{% macro profiled_rows(name, columns, delta=none) -%}
    {%- set users = ref('int_users__profiled') -%}
    {%- set changed = delta or ref(delta_name(name)) -%}
    (
        select {{ columns | join(', ') }}
        from {{ changed }}
        {%- if not is_full_rebuild() %}
        union all
        select {% for column in columns %}standing_rows.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
        from {{ yesterday(name) }} as standing_rows
        inner join {{ users }} as profiled_users
            on standing_rows.user_id = profiled_users.user_id
        where not profiled_users.is_changed
        {%- endif %}
    )
{%- endmacro %}
