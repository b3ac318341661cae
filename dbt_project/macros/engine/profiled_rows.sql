{#-
    The rows of a published table, as tonight leaves them, for which personas and reasons are decided tonight: those of
    its delta, and of users whom goods or channels concern also those that stand. A relation to select from.

    Args:
        name: The published model; its scope is about users or their episodes.
        columns: The columns to read; user_id is among them.
-#}
{% macro profiled_rows(name, columns) -%}
    {%- set users = ref('int_users__profiled') -%}
    (
        select {{ columns | join(', ') }}
        from {{ ref(delta_name(name)) }}
        {%- if not is_full_rebuild() %}
        union all
        select {% for column in columns %}target_rows.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
        from {{ users }} as profiled_users
        inner join {{ yesterday(name) }} as target_rows
            on profiled_users.user_id = target_rows.user_id
        where
            profiled_users.is_concerned
            and not ({{ scope_condition(node_called(name)) }})
        {%- endif %}
    )
{%- endmacro %}
