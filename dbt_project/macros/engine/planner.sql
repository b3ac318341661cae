{#-
    Lets the groups of a model's statement come in the order of their keys: a rebuild sorts its rows once, the table lies
    in that order, and its key and whoever reads it so need not sort again. Otherwise PostgreSQL would hash them, expecting
    few groups where it does not know better. For a pre_hook.
-#}
{% macro group_by_sorting() -%}
    {{ adapter.dispatch('group_by_sorting', 'recall')() }}
{%- endmacro %}


{% macro postgres__group_by_sorting() -%}
    {%- if is_full_rebuild() -%}
        set local enable_hashagg = off
    {%- endif -%}
{%- endmacro %}


{% macro default__group_by_sorting() -%}
{%- endmacro %}


{#-
    Keeps a model's statement from joining by loops: for one whose tables have no index, where a loop reads all of one side
    for each row of the other. PostgreSQL takes it where it expects a single row, as it does of a step that has none
    tonight. For a pre_hook.
-#}
{% macro join_without_loops() -%}
    {{ adapter.dispatch('join_without_loops', 'recall')() }}
{%- endmacro %}


{% macro postgres__join_without_loops() -%}
    set local enable_nestloop = off
{%- endmacro %}


{% macro default__join_without_loops() -%}
{%- endmacro %}


{#-
    Reads, by several processes at once, the pages of a table's key on which tonight's rows will find their place. These lie
    scattered over everybody who was ever there, and a publication, which is one process, would wait for the disk at each
    of them. It changes nothing, and waits for nobody.

    Args:
        delta: The relation of tonight's rows.
        target: The published table.
        key: The columns of its primary key.
-#}
{% macro fetch_ahead(delta, target, key) %}
    {% do adapter.dispatch('fetch_ahead', 'recall')(delta, target, key) %}
{% endmacro %}


{% macro postgres__fetch_ahead(delta, target, key) %}
    {% call statement('fetch_ahead') %}
        begin;

        set local max_parallel_workers_per_gather = 6;

        set local parallel_setup_cost = 0;

        set local parallel_tuple_cost = 0;

        set local min_parallel_table_scan_size = '64kB';

        set local enable_hashjoin = off;

        set local enable_mergejoin = off;

        select count(*)
        from {{ delta }} as new_rows
        inner join {{ target }} as target_rows
            on
                {%- for column in key %}
                new_rows.{{ column }} = target_rows.{{ column }}{{ ' and' if not loop.last }}
                {%- endfor %};

        commit
    {% endcall %}
{% endmacro %}


{% macro default__fetch_ahead(delta, target, key) %}
{% endmacro %}
