{#-
    The rows of a staging view that belong to some of tonight's changed users. A relation to select from: all rows on
    a full rebuild, otherwise those that an index on the raw user_id finds, user by user.

    Args:
        view: The staging view, by `ref`; it has source_user_id.
        users: A relation with one row per source_user_id.
        since: A date of that relation, where only the rows from it on are wanted. There are few of them, so that also
            a full rebuild looks them up.
        until: With since: another date of that relation, before which the rows are wanted.
        date: The view's business date, to be compared with it.
        instant: The instant that it comes from, by which the index finds it.
-#}
{% macro rows_of_users(view, users, since=none, date=none, instant=none, until=none) -%}
    {{ adapter.dispatch('rows_of_users', 'recall')(view, users, since, date, instant, until) }}
{%- endmacro %}


{% macro postgres__rows_of_users(view, users, since, date, instant, until) -%}
    {%- if is_full_rebuild() and not since -%}
        {{ view }}
    {%- else -%}
        (
            select found.*
            from {{ users }} as wanted
            cross join lateral (
                select *
                from {{ view }} as view_rows
                where
                    view_rows.source_user_id = wanted.source_user_id
                    {%- if since %}
                    and view_rows.{{ date }} >= wanted.{{ since }}
                    and view_rows.{{ instant }} >= {{ business_day_start('wanted.' ~ since) }} - interval '1 day'
                    {%- endif %}
                    {%- if until %}
                    and view_rows.{{ date }} < wanted.{{ until }}
                    and view_rows.{{ instant }} < {{ business_day_start('wanted.' ~ until) }} + interval '1 day'
                    {%- endif %}
                -- Keeps the planner from turning this around and reading all rows of all users.
                offset 0
            ) as found
            -- Keeps it from joining, user by user, what the model joins to all of these rows.
            offset 0
        )
    {%- endif -%}
{%- endmacro %}


{#-
    The rows of a published table as tonight's publication will leave them, of some users: found user by user. A relation to
    select from. Needs a `ref` to what the table's scope asks for.

    Args:
        name: The published model, e.g. 'int_visit_days'; its key begins with user_id.
        columns: The columns to read; user_id is among them.
        users: A relation with one row per user_id.
-#}
{% macro tonight_of_users(name, columns, users) -%}
    (
        select {% for column in columns %}new_rows.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
        from {{ users }} as wanted
        inner join {{ ref(delta_name(name)) }} as new_rows
            on wanted.user_id = new_rows.user_id
        {%- if not is_full_rebuild() %}
        union all
        {{ yesterday_of_users(name, columns, users) }}
        {%- endif %}
    )
{%- endmacro %}


{#- A select of yesterday's rows of some users that are not in the scope of tonight's delta. -#}
{% macro yesterday_of_users(name, columns, users) -%}
    {{ adapter.dispatch('yesterday_of_users', 'recall')(name, columns, users) }}
{%- endmacro %}


{% macro postgres__yesterday_of_users(name, columns, users) -%}
    select {% for column in columns %}found.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
    from {{ users }} as wanted
    cross join lateral (
        select {{ columns | join(', ') }}
        from {{ yesterday(name) }} as target_rows
        where
            target_rows.user_id = wanted.user_id
            {%- if execute %}
            and not ({{ scope_condition(node_called(name)) }})
            {%- endif %}
        -- Keeps the planner, which expects far more rows of a user, from reading all rows of all users.
        offset 0
    ) as found
{%- endmacro %}


{% macro default__yesterday_of_users(name, columns, users) -%}
    select {% for column in columns %}target_rows.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
    from {{ users }} as wanted
    inner join {{ yesterday(name) }} as target_rows
        on wanted.user_id = target_rows.user_id
    {%- if execute %}
    where not ({{ scope_condition(node_called(name)) }})
    {%- endif %}
{%- endmacro %}
