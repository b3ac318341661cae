{#-
    Yesterday's and tonight's rows of a published table, for deltas that build on what is already there. No `ref`
    leads to the table (that would be a cycle); its delta is a `ref`, so that tonight's rows are there in time.
-#}


{#-
    The rows of a published table as the build before left them: a relation to select from. It has no row where all of
    them are built anew and before the table exists.

    Args:
        name: The published model, e.g. 'fct_user_days'.
-#}
{% macro yesterday(name) -%}
    {%- if execute -%}
        {%- set node = node_called(name) -%}
        {%- set existing = load_relation(relation_of(node)) -%}
        {%- if existing is none or is_rebuilt(node) -%}
            ({{ no_rows(node) }})
        {%- else -%}
            {{ existing }}
        {%- endif -%}
    {%- else -%}
        {{ name }}
    {%- endif -%}
{%- endmacro %}


{#-
    The rows of a published table as tonight's publication will leave them: yesterday's outside the scope of its
    delta, and its delta. A relation to select from.

    Args:
        name: The published model, e.g. 'fct_lapse_episodes'.
        columns: The columns to read; without it all of the contract.
-#}
{% macro tonight(name, columns=none) -%}
    {%- set delta = ref(delta_name(name)) -%}
    {%- if not execute or delta.is_cte or is_rebuilt(node_called(name)) -%}
        {{ delta }}
    {%- else -%}
        {%- set node = node_called(name) -%}
        {%- set wanted = columns or node.columns.keys() | list -%}
        (
            select {{ wanted | join(', ') }}
            from {{ delta }}
            {%- if node.config.scope != 'all' %}
            union all
            select {{ wanted | join(', ') }}
            from {{ yesterday(name) }} as target_rows
            where not ({{ scope_condition(node) }})
            {%- endif %}
        )
    {%- endif -%}
{%- endmacro %}


{#-
    The rows of a published table that tonight's delta replaces, as the build before left them: what sums over the table
    take back before they add the delta. A relation to select from. Needs a `ref` to what the table's scope asks for.

    Args:
        name: The published model, e.g. 'int_layer_bands'.
        columns: The columns to read.
-#}
{% macro replaced_rows(name, columns) -%}
    (
        select {{ columns | join(', ') }}
        from {{ yesterday(name) }} as target_rows
        {%- if execute %}
        where {{ scope_condition(node_called(name)) }}
        {%- endif %}
    )
{%- endmacro %}


{#-
    Yesterday's rows of the changed users whose days are not read again: they say what these days came to. A relation to
    select from, without a row in a rebuild.

    Args:
        name: The published model, e.g. 'int_customer_lines'; it has user_id.
        columns: The columns to read.
-#}
{% macro standing_rows(name, columns) -%}
    (
        select {% for column in columns %}yesterdays_rows.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
        from {{ ref('int_users__changed') }} as changed_users
        inner join {{ yesterday(name) }} as yesterdays_rows
            on changed_users.user_id = yesterdays_rows.user_id
        left join {{ ref('int_users__reread') }} as reread_users
            on changed_users.user_id = reread_users.user_id
        where reread_users.user_id is null
    )
{%- endmacro %}


{#-
    Whether tonight's delta of a published model holds all of its rows: true or false in Jinja. Outcomes have their own
    beginning, see outcomes_begin.
-#}
{% macro is_rebuilt(node) %}
    {% if layer_of_published(node) == 'outcomes' %}
        {{ return(outcomes_begin() == 'rebuild') }}
    {% endif %}
    {{ return(is_full_rebuild()) }}
{% endmacro %}


{#-
    The rows of a published table as they stand; none as long as nobody has built it. A relation to select from.

    Args:
        name: The published model, e.g. 'out_recalled_users'.
-#}
{% macro rows_if_built(name) -%}
    {%- set relation = ref(name) -%}
    {%- if not execute or relation.is_cte or load_relation(relation) is not none -%}
        {{ relation }}
    {%- else -%}
        ({{ no_rows(node_called(name)) }})
    {%- endif -%}
{%- endmacro %}


{#-
    The SQL of a published table whose rows are dated fits. They come from its delta as any, but only when a fit is due;
    a `ref` would make every night build the fit, and a cycle, as fits read what nights have published.

    Args:
        name: The published model itself.
-#}
{% macro rows_of_fits(name) -%}
    {{ no_rows(node_called(name)) if execute else 'select 1 as ' ~ name }}
{%- endmacro %}


{#- A select of a contract's columns without a row. -#}
{% macro no_rows(node) -%}
    select
    {%- for column in node.columns.values() %}
        cast(null as {{ contract_type(column.data_type) }}) as {{ column.name }}{{ ',' if not loop.last }}
    {%- endfor %}
    where false
{%- endmacro %}


{#- The delta of a published model: `fct_user_days` and `int_user_days` have `int_user_days__delta`. -#}
{% macro delta_name(name) -%}
    int_{{ name.split('_', 1)[1] }}__delta
{%- endmacro %}


{#- The model of that name in the graph. -#}
{% macro node_called(name) %}
    {% set key = 'model.recall.' ~ name %}
    {% if key not in graph.nodes %}
        {{ exceptions.raise_compiler_error('No model is called ' ~ name) }}
    {% endif %}
    {{ return(graph.nodes[key]) }}
{% endmacro %}


{#- The relation that a model of the graph builds. -#}
{% macro relation_of(node) %}
    {{ return(api.Relation.create(database=node.database, schema=node.schema, identifier=node.alias)) }}
{% endmacro %}
