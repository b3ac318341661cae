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


{#- All rows of the users who are read again: of the others no row changes, and some come. -#}
{% macro scope_reread_users(users, date_column) -%}
    {%- if is_full_rebuild() -%}
        true
    {%- else -%}
        target_rows.user_id in (
            select reread.user_id
            from {{ relation_of(node_called('int_users__reread')) }} as reread
        )
    {%- endif -%}
{%- endmacro %}


{#-
    The episodes of changed users that do not stand: all of who is read again, and of the others those from the last key day
    before tonight's days on.
-#}
{% macro scope_moved_episodes(users, date_column) -%}
    {%- if is_full_rebuild() -%}
        true
    {%- else -%}
        target_rows.user_id in (select changed.user_id from {{ users }} as changed)
        and {{ is_none_of('int_episodes__standing') }}
    {%- endif -%}
{%- endmacro %}


{#-
    The bands of episodes in int_episodes__rebanded that do not end before anything moves. With `in`, and what stands apart:
    so the few episodes are looked up, where one `exists` with both would be joined with all bands.
-#}
{% macro scope_moved_bands(users, date_column) -%}
    {%- if is_full_rebuild() -%}
        true
    {%- else -%}
        {%- set rebanded_episodes = relation_of(node_called('int_episodes__rebanded')) -%}
        (target_rows.user_id, target_rows.line_id, target_rows.last_key_date) in (
            select
                rebanded.user_id,
                rebanded.line_id,
                rebanded.last_key_date
            from {{ rebanded_episodes }} as rebanded
        )
        and not exists (
            select 1
            from {{ rebanded_episodes }} as rebanded
            where
                rebanded.user_id = target_rows.user_id
                and rebanded.line_id = target_rows.line_id
                and rebanded.last_key_date = target_rows.last_key_date
                and rebanded.stands_until_date >= target_rows.valid_to
        )
    {%- endif -%}
{%- endmacro %}


{#- The episodes of users in int_users__profiled whose personas and reasons do not stand, or that ended otherwise. -#}
{% macro scope_profiled_episodes(users, date_column) -%}
    {%- if is_full_rebuild() -%}
        true
    {%- else -%}
        target_rows.user_id in (
            select profiled.user_id
            from {{ relation_of(node_called('int_users__profiled')) }} as profiled
        )
        and {{ is_none_of('int_profiles__standing', 'not standing.is_moved') }}
    {%- endif -%}
{%- endmacro %}


{#-
    Whether an episode is none of those that stand. Not as `not exists`: this one is hashed also where the whole scope is
    negated. None of its columns is ever null.

    Args:
        name: The model with the episodes that stand.
        condition: Which of them are meant, on `standing`.
-#}
{% macro is_none_of(name, condition='true') -%}
    (target_rows.user_id, target_rows.line_id, target_rows.last_key_date) not in (
        select
            standing.user_id,
            standing.line_id,
            standing.last_key_date
        from {{ relation_of(node_called(name)) }} as standing
        where {{ condition }}
    )
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


{#- The days that stand in int_user_days__replaced, one by one: in most nights there are none. -#}
{% macro scope_replaced_days(users, date_column) -%}
    {%- if is_full_rebuild() -%}
        true
    {%- else -%}
        (target_rows.user_id, target_rows.line_id, target_rows.activity_date) in (
            select
                replaced.user_id,
                replaced.line_id,
                replaced.activity_date
            from {{ relation_of(node_called('int_user_days__replaced')) }} as replaced
        )
    {%- endif -%}
{%- endmacro %}


{#- The same days where the table has no line of its own: all rows of a user's day of which any activity was known. -#}
{% macro scope_replaced_user_days(users, date_column) -%}
    {%- if is_full_rebuild() -%}
        true
    {%- else -%}
        (target_rows.user_id, target_rows.{{ date_column }}) in (
            select
                replaced.user_id,
                replaced.activity_date
            from {{ relation_of(node_called('int_user_days__replaced')) }} as replaced
            where replaced.line_id = 'any'
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
