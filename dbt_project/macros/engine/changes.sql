{#-
    What is new to tonight's build. On a delta night only the rows that it can concern are read, by index.
-#}


{#-
    The rows of an input table that a build has to look at again: brought by a load that the build before did not see,
    or with a business date or an updated_at that has come within its sight since. Losing versions are among them.
    A relation to select from.

    Args:
        table: Name of the input table.
        columns: The columns to read.
        instant: The column of what happened, if the table has one.
-#}
{% macro new_rows(table, columns, instant=none) -%}
    (
        {%- for relation in [source('raw', table), source('raw', table ~ '_versions')] %}
        select {{ columns | join(', ') }}
        from {{ relation }}
        where
            _load_id > {{ previous_load_id() }}
            or {{ is_new_instant('updated_at') }}
            {%- if instant %}
            or {{ is_new_instant(instant) }}
            {%- endif %}
        {%- if not loop.last %}
        union all
        {%- endif %}
        {%- endfor %}
    )
{%- endmacro %}


{#-
    The rows of a staging view that belong to tonight's changed users. A relation to select from: all rows on a full
    rebuild, otherwise those that an index on the raw user_id finds, user by user.

    Args:
        view: The staging view, by `ref`; it has source_user_id.
        date: With it only rows from the day on from which the user's days are replaced; the name of the date's column.
        instant: The instant's column, so that the index can begin there.
-#}
{% macro rows_of_changed_users(view, date=none, instant=none) -%}
    {{ adapter.dispatch('rows_of_changed_users', 'recall')(view, date, instant) }}
{%- endmacro %}


{% macro postgres__rows_of_changed_users(view, date, instant) -%}
    {%- set sources = ref('int_users__changed_sources') -%}
    {%- if is_full_rebuild() -%}
        {{ view }}
    {%- else -%}
        (
            select found.*
            from {{ sources }} as changed
            cross join lateral (
                select *
                from {{ view }} as view_rows
                where
                    view_rows.source_user_id = changed.source_user_id
                    {%- if date %}
                    and view_rows.{{ date }} >= changed.replace_from_date
                    {%- endif %}
                    {%- if instant %}
                    and view_rows.{{ instant }} >= {{ business_day_start('changed.replace_from_date') }} - interval '1 day'
                    {%- endif %}
                -- Keeps the planner from turning this around and reading all rows of all users.
                offset 0
            ) as found
            {%- if date %}
            where changed.replace_from_date is not null
            {%- endif %}
            -- Keeps it from joining, user by user, what the model joins to all of these rows.
            offset 0
        )
    {%- endif -%}
{%- endmacro %}


{#-
    The rows of a staging view that belong to some orders: as above, but found by order_id.

    Args:
        view: The staging view, by `ref`.
        orders: A relation or the name of a common table expression with one row per order_id.
-#}
{% macro rows_of_orders(view, orders) -%}
    {{ adapter.dispatch('rows_of_orders', 'recall')(view, orders) }}
{%- endmacro %}


{% macro postgres__rows_of_orders(view, orders) -%}
    {%- if is_full_rebuild() -%}
        {{ view }}
    {%- else -%}
        (
            select found.*
            from {{ orders }} as wanted
            cross join lateral (
                select *
                from {{ view }} as view_rows
                where view_rows.order_id = wanted.order_id
                offset 0
            ) as found
            offset 0
        )
    {%- endif -%}
{%- endmacro %}
