{#-
    How a model's contract differs from the table in the database.

    Args:
        relation: The table.
        columns: The model's columns as in the graph: name, data_type, constraints.

    Returns:
        One row per column of the contract or of the table, in that order: column_name, contract_type (none if the
        column left the contract), existing_type (none if the table lacks it), is_same_type, is_required (not null
        in the contract), is_not_null (in the table).
-#}
{% macro compare_columns(relation, columns) %}
    {{ return(adapter.dispatch('compare_columns', 'recall')(relation, columns)) }}
{% endmacro %}


{% macro postgres__compare_columns(relation, columns) %}
    {% set comparison %}
        with

        contract as (

            select *
            from (
                values
                {% for column in columns %}
                    (
                        {{ loop.index }},
                        '{{ column.name }}',
                        '{{ column.data_type }}',
                        {{ is_required_column(column) }}
                    ){{ ',' if not loop.last }}
                {% endfor %}
            ) as given (position, column_name, data_type, is_required)

        ),

        existing as (

            select
                attnum as position,
                cast(attname as text) as column_name,
                atttypid as type_id,
                format_type(atttypid, atttypmod) as data_type,
                attnotnull as is_not_null
            from pg_catalog.pg_attribute
            where
                attrelid = cast('{{ relation.schema }}.{{ relation.identifier }}' as regclass)
                and attnum > 0
                and not attisdropped

        )

        select
            column_name,
            contract.data_type as contract_type,
            existing.data_type as existing_type,
            coalesce(cast(to_regtype(contract.data_type) as oid) = existing.type_id, false) as is_same_type,
            coalesce(contract.is_required, false) as is_required,
            coalesce(existing.is_not_null, false) as is_not_null
        from contract
        full join existing using (column_name)
        order by contract.position, existing.position
    {% endset %}
    {{ return(run_query(comparison).rows) }}
{% endmacro %}


{#- Whether a column of a contract must not be null: true or false in Jinja. -#}
{% macro is_required_column(column) %}
    {% set types = column.constraints | map(attribute='type') | map('string') | list %}
    {% set required = [] %}
    {% for type in types if 'not_null' in type or 'primary_key' in type %}
        {% do required.append(type) %}
    {% endfor %}
    {{ return(required | length > 0) }}
{% endmacro %}


{#- The columns of a table's primary key in the database, in their order; none if it has no key. -#}
{% macro primary_key_of(relation) %}
    {{ return(adapter.dispatch('primary_key_of', 'recall')(relation)) }}
{% endmacro %}


{% macro postgres__primary_key_of(relation) %}
    {% set query %}
        select cast(attribute.attname as text) as column_name
        from pg_catalog.pg_constraint as con
        cross join lateral unnest(con.conkey) with ordinality as key (attnum, position)
        inner join pg_catalog.pg_attribute as attribute
            on con.conrelid = attribute.attrelid and key.attnum = attribute.attnum
        where
            con.contype = 'p'
            and con.conrelid = cast('{{ relation.schema }}.{{ relation.identifier }}' as regclass)
        order by key.position
    {% endset %}
    {{ return(run_query(query).columns[0].values() | list) }}
{% endmacro %}


{#- Refreshes the planner's statistics of a relation; a delta does it before it is joined. -#}
{% macro analyze(relation) -%}
    {{ adapter.dispatch('analyze', 'recall')(relation) }}
{%- endmacro %}


{% macro postgres__analyze(relation) -%}
    analyze {{ relation }}
{%- endmacro %}


{#-
    Creates a view or replaces it in place. Where its columns changed so that PostgreSQL cannot, it is dropped with
    what stands on it and made anew (on_incompatible_change = 'replace'), or the statement fails and names the
    obstacle and the views that stand on it ('refuse').
-#}
{% macro create_or_replace_view(relation, sql, on_incompatible_change) -%}
    {{ adapter.dispatch('create_or_replace_view', 'recall')(relation, sql, on_incompatible_change) }}
{%- endmacro %}


{% macro postgres__create_or_replace_view(relation, sql, on_incompatible_change) -%}
    do $recall$
    begin
        create or replace view {{ relation }} as
        {{ sql }}
        ;
    exception when invalid_table_definition then
    {% if on_incompatible_change == 'replace' %}
        drop view {{ relation }} cascade;
        create view {{ relation }} as
        {{ sql }}
        ;
    {% else %}
        raise exception using
            errcode = 'invalid_table_definition',
            message = format(
                '%s cannot be replaced in place: %s. On it stand: %s. Nothing was changed. Keep its columns as they '
                'are and add new ones at the end, or drop the view by hand first.',
                '{{ relation.schema }}.{{ relation.identifier }}',
                sqlerrm,
                (
                    select coalesce(string_agg(distinct cast(cast(rewrite.ev_class as regclass) as text), ', '), 'none')
                    from pg_catalog.pg_depend as dependency
                    inner join pg_catalog.pg_rewrite as rewrite
                        on dependency.objid = rewrite.oid
                    where
                        dependency.classid = cast('pg_rewrite' as regclass)
                        and dependency.refobjid = cast('{{ relation.schema }}.{{ relation.identifier }}' as regclass)
                        and rewrite.ev_class <> dependency.refobjid
                )
            );
    {% endif %}
    end
    $recall$
{%- endmacro %}


{#- Stops where a table would be published: of the engines only PostgreSQL moves rows of many tables at once. -#}
{% macro require_publication() %}
    {{ return(adapter.dispatch('require_publication', 'recall')()) }}
{% endmacro %}


{% macro postgres__require_publication() %}
{% endmacro %}


{% macro default__require_publication() %}
    {{ exceptions.raise_compiler_error(
        'Tables are published on PostgreSQL only (docs/decisions/0022): on ' ~ target.type ~ ' build the deltas, '
        ~ 'the models int_..__delta.'
    ) }}
{% endmacro %}


{#- Only the publication asks, which has stopped by then; dbt looks for the name on every engine. -#}
{% macro default__compare_columns(relation, columns) %}
    {{ return([]) }}
{% endmacro %}


{% macro default__primary_key_of(relation) %}
    {{ return([]) }}
{% endmacro %}
