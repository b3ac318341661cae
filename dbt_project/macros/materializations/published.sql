{#-
    `published`: a table that others read and build views on. It is never dropped, recreated or truncated, and its
    rows move in one place only, the operation `publish`.

    `dbt build` makes sure that the table exists as its contract says: columns, primary key, indexes, comments,
    grants. New columns are added at the end; a column that left the contract stays, empty from then on; an index that left
    the configuration is dropped, and one that somebody else made stays. A changed type or key is refused with the
    statement that a person would run.

    The SQL of the model says which columns come from which delta; the contract is compared with it, but no row is
    written. A model in two files:

        -- models/marts/core/fct_user_days.sql
        {{ config(scope='replaced_days') }}

        select user_id, line_id, activity_date, order_count
        from {{ ref('int_user_days__delta') }}

        # models/marts/core/fct_user_days.yml
        models:
          - name: fct_user_days
            description: One row per user, line and day with activity.
            constraints:
              - type: primary_key
                columns: [user_id, line_id, activity_date]
            columns:
              - name: user_id
                description: The source's own id of the user.
                data_type: text
                constraints: [{type: not_null}]

    Configuration:
        delta: The model that holds the new rows. Without it: `int_<name without its prefix>__delta`.
        scope: Which rows the delta replaces; a macro `scope_<scope>` says it in SQL (macros/materializations/scopes.sql):
            users          all rows of the users in int_users__changed
            reread_users   all rows of the users in int_users__reread; of the others rows only come
            moved_episodes those rows of the changed users that belong to episodes from their last standing key day on
            moved_bands    those bands of the episodes in int_episodes__rebanded that do not stand
            profiled_episodes those rows of the users in int_users__profiled whose persona and reasons do not stand
            replaced_days  those days of the changed users that are not before replace_from_date
            replaced_user_days those rows of these days where the table has no line of its own
            user_days      those rows of these users whose day is not before replace_from_date
            reopened_entries all rows of the campaigns' entries in int_entries__reopened
            reopened_days  all rows of the assignment days in int_entry_days__reopened
            all            every row
            selected_date  the rows of the day after the as-of date
            fitted_date    the rows of the fit of the as-of date; older fits stay
        date_column: The day's column for the scopes of days; without it activity_date, selected_date or fitted_date.
        indexes: A list of {'columns': [...], 'unique': true or false}.

    Which layer publishes it follows from its folder: see layer_of_published.
-#}
{% materialization published, default %}
    {% do require_publication() %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set existing_relation = load_cached_relation(this) -%}
    {%- set columns = model.columns.values() | list -%}

    {% if not config.get('contract').enforced or primary_key_of_contract(model) | length == 0 %}
        {{ exceptions.raise_compiler_error(
            model.name ~ ' is published, so it needs an enforced contract with a primary key in its YAML file.'
        ) }}
    {% endif %}
    {% if existing_relation is not none and not existing_relation.is_table %}
        {{ exceptions.raise_compiler_error(
            this ~ ' exists and is a ' ~ existing_relation.type ~ ', not a table. Move what depends on it, then run: '
            ~ 'drop ' ~ existing_relation.type ~ ' ' ~ this
        ) }}
    {% endif %}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {% set stands = existing_relation is not none and is_settled() %}
    {% if not stands %}
        {{ get_assert_columns_equivalent(sql) }}
    {% endif %}
    {% set is_looked_at = existing_relation is not none and not stands %}
    {% set changes = evolve_statements(target_relation, model, columns) if is_looked_at else [] %}
    {% if existing_relation is none %}
        {% call statement('main') -%}
            create table {{ target_relation }} {{ get_table_columns_and_constraints() }}
            {%- if is_exchanged(model) %}
            {{ in_one_partition(primary_key_of_contract(model)[0]) }}
            {%- endif %}
        {%- endcall %}
        {% if is_exchanged(model) %}
            {% do run_query(create_first_partition(target_relation, rows_relation(model, 0))) %}
        {% endif %}
    {% else %}
        {% call statement('main') -%}
            {{ changes | join(';\n') if changes else '-- ' ~ target_relation ~ ' is as its contract says\nselect 1' }}
        {%- endcall %}
    {% endif %}

    {#- These follow from the project's code, and new code rebuilds everything: a delta night need not repeat them. -#}
    {% if existing_relation is none or changes or is_full_rebuild() %}
        {% for index in config.get('indexes', []) %}
            {% do run_query(create_index_statement(target_relation, index)) %}
        {% endfor %}
        {% for name in indexes_no_longer_configured(target_relation, config.get('indexes', [])) %}
            {% do run_query('drop index ' ~ target_relation.schema ~ '.' ~ name) %}
        {% endfor %}
        {% do apply_grants(target_relation, config.get('grants'), should_revoke=True) %}
        {% do persist_docs(target_relation, model) %}
    {% endif %}

    {#- What will be exchanged gets its key and indexes here, where models are built beside each other. -#}
    {% if is_exchanged(model) and is_rebuilt(model) %}
        {% set new_rows = relation_of(delta_of(model)) %}
        {% if primary_key_of(new_rows) | length == 0 %}
            {% for change in make_partition_statements(new_rows, model, rows_relation(model).identifier) %}
                {% do run_query(change) %}
            {% endfor %}
        {% endif %}
    {% endif %}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{#- Whether a rebuild exchanges all rows of a published model: true or false in Jinja. Other tables are small. -#}
{% macro is_exchanged(node) %}
    {{ return(node.config.scope in (
        'users', 'reread_users', 'replaced_days', 'replaced_user_days', 'user_days', 'moved_episodes', 'moved_bands',
        'profiled_episodes', 'reopened_entries', 'reopened_days'
    )) }}
{% endmacro %}


{#- The relation that holds the rows of a published model from a build on; a new table begins with number 0. -#}
{% macro rows_relation(node, build_number=none) %}
    {{ return(api.Relation.create(
        database=node.database,
        schema=relation_of(delta_of(node)).schema,
        identifier=node.alias[:40] ~ '__rows_' ~ (build_id() if build_number is none else build_number),
        type='table',
    )) }}
{% endmacro %}


{#- The columns of the primary key that a model's YAML gives, in order; an empty list if it gives none. -#}
{% macro primary_key_of_contract(node) %}
    {% set key = [] %}
    {% for constraint in node.constraints if 'primary_key' in constraint.type | string %}
        {% do key.extend(constraint.columns) %}
    {% endfor %}
    {% for column in node.columns.values() %}
        {% for constraint in column.constraints if 'primary_key' in constraint.type | string %}
            {% do key.append(column.name) %}
        {% endfor %}
    {% endfor %}
    {{ return(key) }}
{% endmacro %}


{#-
    The statements that bring an existing table to its contract without touching a row: a list, often empty.
    A required column is added without its not-null; the next build after the rows are there tightens it.
-#}
{% macro evolve_statements(relation, node, columns) %}
    {% set changes = [] %}
    {% set refusals = [] %}
    {% for column in compare_columns(relation, columns) %}
        {% set alter = 'alter table ' ~ relation ~ ' ' %}
        {% if column.existing_type is none %}
            {% do changes.append(alter ~ 'add column ' ~ column.column_name ~ ' ' ~ column.contract_type) %}
        {% elif column.contract_type is none %}
            {% if column.is_not_null %}
                {% do changes.append(alter ~ 'alter column ' ~ column.column_name ~ ' drop not null') %}
            {% endif %}
        {% elif not column.is_same_type %}
            {% do refusals.append(
                alter ~ 'alter column ' ~ column.column_name ~ ' type ' ~ column.contract_type
                ~ ' (it is ' ~ column.existing_type ~ ')'
            ) %}
        {% elif column.is_required and not column.is_not_null %}
            {% set empty_value = 'select 1 from ' ~ relation ~ ' where ' ~ column.column_name ~ ' is null limit 1' %}
            {% if run_query(empty_value).rows | length == 0 %}
                {% do changes.append(alter ~ 'alter column ' ~ column.column_name ~ ' set not null') %}
            {% endif %}
        {% endif %}
    {% endfor %}
    {% set existing_key = primary_key_of(relation) %}
    {% set contract_key = primary_key_of_contract(node) %}
    {% if existing_key != contract_key %}
        {% do refusals.append(
            'primary key (' ~ contract_key | join(', ') ~ ') (it is (' ~ existing_key | join(', ') ~ '))'
        ) %}
    {% endif %}
    {% if refusals %}
        {{ exceptions.raise_compiler_error(
            relation ~ ' differs from its contract in a way that would break its readers: ' ~ refusals | join('; ')
            ~ '. Nothing was changed. Take the change out of the contract, or migrate the table by hand first.'
        ) }}
    {% endif %}
    {{ return(changes) }}
{% endmacro %}


{#- `create index if not exists` under a name that follows from the table and its columns. -#}
{% macro create_index_statement(relation, index) -%}
    create {{ 'unique ' if index.get('unique') }}index if not exists {{ index_name(relation, index) }}
    on {{ relation }} ({{ index['columns'] | join(', ') }})
{%- endmacro %}


{#- What an index of a published table is called. -#}
{% macro index_name(relation, index) -%}
    {{ (relation.identifier ~ '__' ~ index['columns'] | join('_'))[:63] }}
{%- endmacro %}


{#- The names of a table's indexes that an earlier configuration made and this one does not ask for: a list. -#}
{% macro indexes_no_longer_configured(relation, indexes) %}
    {% set query %}
        select cast(names.relname as text) as index_name
        from pg_catalog.pg_index as existing
        inner join pg_catalog.pg_class as names
            on existing.indexrelid = names.oid
        where
            existing.indrelid = to_regclass('{{ relation.schema }}.{{ relation.identifier }}')
            and starts_with(names.relname, '{{ relation.identifier }}__')
        order by names.relname
    {% endset %}
    {% set configured = [] %}
    {% for index in indexes %}
        {% do configured.append(index_name(relation, index)) %}
    {% endfor %}
    {{ return(run_query(query).columns[0].values() | reject('in', configured) | list) }}
{% endmacro %}
