{#-
    How a full rebuild replaces all rows of a table at once. A large public table is a partitioned one with a single
    partition for everything: views, grants and comments hang on the parent, and a rebuild hands it a new partition
    that was loaded first and got its indexes after (docs/decisions/0016).
-#}


{#- What a `create table` ends with, so that all rows of the table lie in one partition that can be exchanged. -#}
{% macro in_one_partition(key_column) -%}
    partition by list ({{ key_column }})
{%- endmacro %}


{#- The partition of a new table, empty. -#}
{% macro create_first_partition(relation, partition) -%}
    create table {{ partition }} partition of {{ relation }} default
{%- endmacro %}


{#- The relation that holds all rows of a table in one partition; none for a table that is not partitioned. -#}
{% macro partition_of(relation) %}
    {% set query %}
        select
            cast(namespaces.nspname as text) as schema_name,
            cast(partitions.relname as text) as table_name
        from pg_catalog.pg_inherits as inherits
        inner join pg_catalog.pg_class as partitions
            on inherits.inhrelid = partitions.oid and partitions.relispartition
        inner join pg_catalog.pg_namespace as namespaces
            on partitions.relnamespace = namespaces.oid
        where inherits.inhparent = to_regclass('{{ relation.schema }}.{{ relation.identifier }}')
    {% endset %}
    {% set rows = run_query(query).rows %}
    {% if rows | length != 1 %}
        {{ return(none) }}
    {% endif %}
    {{ return(api.Relation.create(
        database=relation.database, schema=rows[0]['schema_name'], identifier=rows[0]['table_name'], type='table'
    )) }}
{% endmacro %}


{#-
    Makes a table fit to become the partition of another: its required columns, key and indexes. Nobody sees it yet.

    Args:
        rows: The table with the new rows; it has exactly the columns of the contract.
        node: The published model.
        name: What names of its indexes begin with; no other table has it.
-#}
{% macro make_partition_statements(rows, node, name) %}
    {#- Indexes first: others may read meanwhile what they are built on. What follows is quick, and waits for them. -#}
    {% set key = primary_key_of_contract(node) | join(', ') %}
    {% set statements = ['create unique index ' ~ name ~ '_pkey on ' ~ rows ~ ' (' ~ key ~ ')'] %}
    {% for index in node.config.get('indexes', []) %}
        {% do statements.append(
            'create ' ~ ('unique ' if index.get('unique') else '') ~ 'index ' ~ name ~ '_' ~ loop.index
            ~ ' on ' ~ rows ~ ' (' ~ index['columns'] | join(', ') ~ ')'
        ) %}
    {% endfor %}
    {% set changes = [] %}
    {% for column in node.columns.values() if is_required_column(column) %}
        {% do changes.append('alter column ' ~ column.name ~ ' set not null') %}
    {% endfor %}
    {% do changes.append('add constraint ' ~ name ~ '_pkey primary key using index ' ~ name ~ '_pkey') %}
    {% do statements.append('alter table ' ~ rows ~ ' ' ~ changes | join(', ')) %}
    {{ return(statements) }}
{% endmacro %}


{#-
    The statements after which a large delta has, in a rebuild, the key and the indexes of the table that it becomes: what
    reads it in the order of its key then need not sort it. On other nights it only gets its statistics.

    Args:
        name: The published model.
-#}
{% macro key_like(name) -%}
    {{ adapter.dispatch('key_like', 'recall')(name) }}
{%- endmacro %}


{% macro postgres__key_like(name) -%}
    {%- if execute and is_full_rebuild() -%}
        {%- set node = node_called(name) -%}
        {%- for statement in make_partition_statements(this, node, rows_relation(node).identifier) %}
            {{ statement }};
        {%- endfor %}
    {%- endif %}
    {{ analyze(this) }}
{%- endmacro %}


{#-
    Whether a table can become the partition of another as it is: the same columns of the same types, the key built.
-#}
{% macro can_become_partition(rows, relation) %}
    {% set columns_of %}
        select
            attname,
            atttypid,
            atttypmod
        from pg_catalog.pg_attribute
        where attnum > 0 and not attisdropped
    {% endset %}
    {% set query %}
        with

        rows_columns as ({{ columns_of }} and attrelid = to_regclass('{{ rows.schema }}.{{ rows.identifier }}')),

        table_columns as ({{ columns_of }} and attrelid = to_regclass('{{ relation.schema }}.{{ relation.identifier }}')),

        differences as (
            (select * from rows_columns except select * from table_columns)
            union all
            (select * from table_columns except select * from rows_columns)
        )

        select not exists (select from differences) and exists (
            select
            from pg_catalog.pg_constraint
            where contype = 'p' and conrelid = to_regclass('{{ rows.schema }}.{{ rows.identifier }}')
        ) as is_fit
    {% endset %}
    {{ return(run_query(query).rows[0]['is_fit']) }}
{% endmacro %}


{#-
    Waits until every transaction that is open now in this database has ended, at most as long as given: true if so.
    One that began before a partition was loaded must not meet it, since it would see a table without rows.
-#}
{% macro older_transactions_end(seconds) %}
    {% set open_transactions %}
        select cast(locks.virtualtransaction as text) as transaction_name
        from pg_catalog.pg_locks as locks
        inner join pg_catalog.pg_stat_activity as sessions
            on locks.pid = sessions.pid
        where
            locks.locktype = 'virtualxid'
            and locks.mode = 'ExclusiveLock'
            and sessions.datname = current_database()
            and sessions.usesysid is not null
            and locks.pid <> pg_backend_pid()
    {% endset %}
    {% set older = run_query(open_transactions).columns[0].values() | list %}
    {% set waiting = namespace(for_whom=older) %}
    {% for attempt in range(seconds * 2) if waiting.for_whom %}
        {% do run_query('select pg_sleep(0.5)') %}
        {% set still_open = run_query(open_transactions).columns[0].values() | list %}
        {% set waiting.for_whom = older | select('in', still_open) | list %}
    {% endfor %}
    {{ return(waiting.for_whom | length == 0) }}
{% endmacro %}


{#-
    The statement that keeps everybody else from tables for the rest of the transaction, if that can be had without
    making a reader wait: each try gives up after 0.3 s, so that those who queue behind it go on. `has_locked` says
    whether it came through.

    Args:
        relations: The tables.
        tries: How often, twice a second.
-#}
{% macro lock_tables(relations, tries) -%}
    do $recall$
    begin
        for attempt in 1..{{ tries }} loop
            begin
                perform set_config('lock_timeout', '300ms', true);
                lock table {{ relations | join(', ') }} in access exclusive mode;
                exit;
            exception when lock_not_available or deadlock_detected then
                perform pg_sleep(0.2);
            end;
        end loop;
        perform set_config('lock_timeout', '0', true);
    end
    $recall$
{%- endmacro %}


{#- Whether this transaction keeps everybody else from a table. -#}
{% macro has_locked(relation) %}
    {% set query %}
        select exists (
            select
            from pg_catalog.pg_locks
            where
                pid = pg_backend_pid()
                and mode = 'AccessExclusiveLock'
                and granted
                and relation = to_regclass('{{ relation.schema }}.{{ relation.identifier }}')
        ) as is_locked
    {% endset %}
    {{ return(run_query(query).rows[0]['is_locked']) }}
{% endmacro %}


{#-
    The statements that give a table new rows by exchanging its partition. The old rows go; a view takes the place of
    the table that was handed over.

    Args:
        relation: The partitioned table.
        old_rows: Its partition.
        new_rows: The table that becomes its partition.
        name: What that one is called from now on.
-#}
{% macro exchange_statements(relation, old_rows, new_rows, name) %}
    {{ return([
        'alter table ' ~ relation ~ ' detach partition ' ~ old_rows,
        'drop table ' ~ old_rows,
        'alter table ' ~ new_rows ~ ' rename to ' ~ name,
        'alter table ' ~ relation ~ ' attach partition ' ~ new_rows.incorporate(path={'identifier': name}) ~ ' default',
        'create view ' ~ new_rows ~ ' as select * from ' ~ relation,
    ]) }}
{% endmacro %}
