{#-
    Spark has no index to enter by, so the wanted users or orders are joined: it reads the rows once, and sends a small
    list of wanted ones to every worker.
-#}


{% macro spark__rows_of_changed_users(view, date, instant) -%}
    {%- set sources = ref('int_users__changed_sources') -%}
    {%- if is_full_rebuild() -%}
        {{ view }}
    {%- else -%}
        (
            select view_rows.*
            from {{ view }} as view_rows
            inner join {{ sources }} as changed
                on
                    view_rows.source_user_id = changed.source_user_id
                    {%- if date %}
                    and view_rows.{{ date }} >= changed.replace_from_date
                    {%- endif %}
        )
    {%- endif -%}
{%- endmacro %}


{% macro spark__rows_of_users(view, users, since, date, instant, until) -%}
    {%- if not since -%}
        {{ spark__rows_of_wanted(view, users, 'source_user_id') }}
    {%- else -%}
        (
            select view_rows.*
            from {{ view }} as view_rows
            inner join {{ users }} as wanted
                on
                    view_rows.source_user_id = wanted.source_user_id
                    and view_rows.{{ date }} >= wanted.{{ since }}
                    {%- if until %}
                    and view_rows.{{ date }} < wanted.{{ until }}
                    {%- endif %}
        )
    {%- endif -%}
{%- endmacro %}


{% macro spark__rows_of_orders(view, orders) -%}
    {{ spark__rows_of_wanted(view, orders, 'order_id') }}
{%- endmacro %}


{% macro spark__rows_of_wanted(view, wanted, key) -%}
    {%- if is_full_rebuild() -%}
        {{ view }}
    {%- else -%}
        (
            select view_rows.*
            from {{ view }} as view_rows
            inner join {{ wanted }} as wanted
                on view_rows.{{ key }} = wanted.{{ key }}
        )
    {%- endif -%}
{%- endmacro %}
