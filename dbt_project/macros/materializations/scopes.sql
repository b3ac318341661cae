{#-
    The scopes of `published` tables: which rows of the table the night's delta replaces, as a condition on the table,
    whose alias is `target_rows`. On a full rebuild the scopes of users are all rows.

    Args:
        users: The relation of int_users__changed.
        date_column: The column that holds the row's day.
-#}
{% macro scope_users(users, date_column) -%}
    {%- if is_full_rebuild() -%}
        true
    {%- else -%}
        target_rows.user_id in (select changed.user_id from {{ users }} as changed)
    {%- endif -%}
{%- endmacro %}


{#- The users whose personas and reasons are decided tonight: the changed ones, and whom changed goods concern. -#}
{% macro scope_profiled_users(users, date_column) -%}
    {%- if is_full_rebuild() -%}
        true
    {%- else -%}
        target_rows.user_id in (
            select profiled.user_id
            from {{ relation_of(node_called('int_users__profiled')) }} as profiled
        )
    {%- endif -%}
{%- endmacro %}


{% macro scope_user_days(users, date_column) -%}
    {%- if is_full_rebuild() -%}
        true
    {%- else -%}
        exists (
            select 1
            from {{ users }} as changed
            where
                changed.user_id = target_rows.user_id
                and changed.replace_from_date <= target_rows.{{ date_column or 'activity_date' }}
        )
    {%- endif -%}
{%- endmacro %}


{#- The entries of campaigns that are followed anew tonight, and those that are none any more. -#}
{% macro scope_reopened_entries(users, date_column) -%}
    {%- if outcomes_begin() == 'rebuild' -%}
        true
    {%- else -%}
        exists (
            select 1
            from {{ relation_of(node_called('int_entries__reopened')) }} as reopened
            where
                reopened.campaign_id = target_rows.campaign_id
                and reopened.person_id = target_rows.person_id
        )
    {%- endif -%}
{%- endmacro %}


{#- The assignment days on which such an entry lies, or lay. -#}
{% macro scope_reopened_days(users, date_column) -%}
    {%- if outcomes_begin() == 'rebuild' -%}
        true
    {%- else -%}
        target_rows.{{ date_column or 'assigned_date' }} in (
            select days.assigned_date
            from {{ relation_of(node_called('int_entry_days__reopened')) }} as days
        )
    {%- endif -%}
{%- endmacro %}


{#- The days of a line whose counts may differ from yesterday's, see moved_ranges. -#}
{% macro scope_moved_layer_days(users, date_column) -%}
    {{ is_day_of('int_layer_days__moved') }}
{%- endmacro %}


{% macro scope_moved_profile_days(users, date_column) -%}
    {{ is_day_of('int_profile_days__moved') }}
{%- endmacro %}


{% macro is_day_of(name) -%}
    {%- if is_full_rebuild() -%}
        true
    {%- else -%}
        exists (
            select 1
            from {{ relation_of(node_called(name)) }} as moved
            where
                moved.line_id = target_rows.line_id
                and moved.as_of_date = target_rows.as_of_date
        )
    {%- endif -%}
{%- endmacro %}


{% macro scope_all(users, date_column) -%}
    true
{%- endmacro %}


{% macro scope_selected_date(users, date_column) -%}
    target_rows.{{ date_column or 'selected_date' }} = {{ add_days(as_of_date(), 1) }}
{%- endmacro %}


{% macro scope_fitted_date(users, date_column) -%}
    target_rows.{{ date_column or 'fitted_date' }} = {{ as_of_date() }}
{%- endmacro %}


{#- The scope of a published node, in SQL. -#}
{% macro scope_condition(node) -%}
    {%- set users = relation_of(node_called('int_users__changed')) -%}
    {{ context['scope_' ~ node.config.scope](users, node.config.date_column) }}
{%- endmacro %}
