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
    Lets a night's statement fetch the rows that it looks up by user many at a time: those of one user lie scattered over the
    years, and an index scan waits for the disk at each of them. Of rows that are in memory it takes twice the processor time,
    so it is for models that ask for whole histories, and for few of them. For a pre_hook.
-#}
{% macro fetch_ahead() -%}
    {{ adapter.dispatch('fetch_ahead', 'recall')() }}
{%- endmacro %}


{% macro postgres__fetch_ahead() -%}
    {%- if not is_full_rebuild() -%}
        set local enable_indexscan = off
    {%- endif -%}
{%- endmacro %}


{% macro default__fetch_ahead() -%}
{%- endmacro %}
