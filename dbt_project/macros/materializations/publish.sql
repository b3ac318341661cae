{#-
    Moves the rows of tonight into every published table of a layer, in one transaction: per table the rows of its
    scope go and its delta comes; in a full rebuild the delta of a large table becomes the table's rows. Readers see the world before or the world after, of all tables at once; whatever
    fails leaves everything as it was. For the marts the build becomes the published one in the same transaction,
    and with it every view that ages with the as-of date.

    dbt run-operation publish --args '{layer: marts}'

    Args:
        layer: marts (with the state tables of the intermediate layer), outcomes, calibration or audiences.
-#}
{% macro publish(layer) %}
    {% do require_publication() %}
    {% if layer not in ('marts', 'outcomes', 'calibration', 'audiences') %}
        {{ exceptions.raise_compiler_error('There is nothing to publish in layer ' ~ layer) }}
    {% endif %}
    {% set nodes = published_nodes(layer) %}
    {% do refuse_stale_deltas(nodes) %}
    {#- Rows that are compared with those that stand find their pages read by the models that compared them before. -#}
    {% for node in nodes if not are_compared(node) and not is_rebuilt(node) %}
        {% do fetch_ahead(relation_of(delta_of(node)), relation_of(node), primary_key_of_contract(node)) %}
    {% endfor %}
    {#- dbt leaves the first BEGIN to the driver, and the driver does not send one in an operation. -#}
    {% call statement('begin') %}
        begin
    {% endcall %}
    {% set exchanges = exchanged_nodes(nodes) %}
    {% for node in nodes if node not in exchanges %}
        {% do replace_scope(node) %}
    {% endfor %}
    {% do exchange_rows(exchanges) %}
    {% if layer == 'marts' %}
        {% call statement('move_control') %}
            {{ mark_published() }}
        {% endcall %}
        {% if load_result('move_control').response.rows_affected != 1 %}
            {{ exceptions.raise_compiler_error('No build is running, so nothing was published. Run the night again.') }}
        {% endif %}
    {% elif layer == 'outcomes' %}
        {% call statement('move_control') %}
            {{ mark_outcomes_published() }}
        {% endcall %}
    {% endif %}
    {% do adapter.commit() %}
    {#- Afterwards, because nobody may wait for it: a night that ends before still has served its rows. -#}
    {% if nodes and is_rebuilt(nodes[0]) %}
        {% for node in nodes %}
            {% call statement('analyze', auto_begin=True) %}
                {{ analyze(relation_of(node)) }}
            {% endcall %}
        {% endfor %}
        {% do adapter.commit() %}
    {% endif %}
{% endmacro %}


{#-
    Puts the delta of a published node in the place of the rows in its scope, within the caller's transaction. A row that
    comes as it stands, to the last bit, is left where it is: most rows of a user who did something are as they were.
-#}
{% macro replace_scope(node) %}
    {% set target_relation = relation_of(node) %}
    {% set delta_relation = relation_of(delta_of(node)) %}
    {% set columns = node.columns.keys() | join(', ') %}
    {% call statement('delete_scope') %}
        delete from {{ target_relation }} as target_rows
        where {{ scope_condition(node) }}
        {%- if are_compared(node) %}
            and not exists (
                select 1
                from {{ delta_relation }} as new_rows
                where {{ are_same_rows(node) }}
            )
        {%- endif %}
    {% endcall %}
    {#- A row of the same key that is another one is not spared here: the primary key refuses it. -#}
    {% call statement('insert_delta') %}
        insert into {{ target_relation }} ({{ columns }})
        select {{ columns }}
        from {{ delta_relation }} as new_rows
        {%- if are_compared(node) %}
        where not exists (
                select 1
                from {{ target_relation }} as target_rows
                where {{ are_same_rows(node) }}
            )
        {%- endif %}
        order by {{ primary_key_of_contract(node) | join(', ') }}
    {% endcall %}
    {% do log(
        target_relation.include(database=false) ~ ': '
        ~ load_result('delete_scope').response.rows_affected ~ ' rows replaced by '
        ~ load_result('insert_delta').response.rows_affected,
        info=true
    ) %}
{% endmacro %}


{#- Whether rows that come are compared with those that stand. Days from the first changed one on are other ones as a rule. -#}
{% macro are_compared(node) %}
    {{ return(node.config.scope not in ('user_days', 'replaced_days', 'replaced_user_days')) }}
{% endmacro %}


{#- Whether `new_rows` of the delta are `target_rows` of a published node, key and all, to the last bit: true in SQL. -#}
{% macro are_same_rows(node) -%}
    {%- for column in primary_key_of_contract(node) %}
    new_rows.{{ column }} = target_rows.{{ column }} and
    {%- endfor %}
    {#- As records: PostgreSQL would compare the columns of two row constructors one by one, which this operator is not for. #}
    cast(row(
        {%- for column in node.columns.values() %}
        cast(new_rows.{{ column.name }} as {{ column.data_type }}){{ ',' if not loop.last }}
        {%- endfor %}
    ) as record)
    *= cast(row(
        {%- for column in node.columns %}
        target_rows.{{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    ) as record)
{%- endmacro %}


{#-
    The nodes all of whose rows a rebuild can exchange at once: their table has one partition and their delta is fit
    to be the next one. None while a transaction is open that began before the deltas were loaded: the rows of all
    nodes are then replaced one by one, which is slow and right for everybody. Before anything was published there is
    nobody to wait for.
-#}
{% macro exchanged_nodes(nodes) %}
    {% set exchanges = [] %}
    {% if nodes and is_rebuilt(nodes[0]) %}
        {% for node in nodes if is_exchanged(node) %}
            {% if partition_of(relation_of(node)) and can_become_partition(relation_of(delta_of(node)), relation_of(node)) %}
                {% do exchanges.append(node) %}
            {% endif %}
        {% endfor %}
        {% if exchanges and night()['previous_as_of_date'] and not older_transactions_end(60) %}
            {% do exchanges.clear() %}
        {% endif %}
    {% endif %}
    {{ return(exchanges) }}
{% endmacro %}


{#-
    Exchanges the rows of nodes, within the caller's transaction. Where readers hold the tables all the time, the rows
    are replaced one by one instead.
-#}
{% macro exchange_rows(nodes) %}
    {% if nodes %}
        {% set targets = [] %}
        {% for node in nodes %}
            {% do targets.append(relation_of(node)) %}
        {% endfor %}
        {% call statement('lock') %}
            {{ lock_tables(targets, tries=120) }}
        {% endcall %}
        {% set is_locked = has_locked(targets[-1]) %}
        {% for node in nodes %}
            {% if is_locked %}
                {% set changes = exchange_statements(
                    relation_of(node), partition_of(relation_of(node)), relation_of(delta_of(node)),
                    rows_relation(node).identifier
                ) %}
                {% for change in changes %}
                    {% call statement('exchange') %}
                        {{ change }}
                    {% endcall %}
                {% endfor %}
                {% do log(relation_of(node).include(database=false) ~ ': all rows exchanged', info=true) %}
            {% else %}
                {% do replace_scope(node) %}
            {% endif %}
        {% endfor %}
    {% endif %}
{% endmacro %}


{#- The published models of a layer, by name. -#}
{% macro published_nodes(layer) %}
    {% set nodes = [] %}
    {% for node in graph.nodes.values() | sort(attribute='name') %}
        {% if node.resource_type == 'model' and node.config.materialized == 'published' %}
            {% if layer_of_published(node) == layer %}
                {% do nodes.append(node) %}
            {% endif %}
        {% endif %}
    {% endfor %}
    {{ return(nodes) }}
{% endmacro %}


{#-
    With which layer a published table moves: that of its folder. State tables under models/intermediate move with the
    marts, and folders inside it and inside models/marts that are called like a layer with that layer.
-#}
{% macro layer_of_published(node) %}
    {% set folder = node.fqn[1] %}
    {% if folder not in ('intermediate', 'marts') %}
        {{ return(folder) }}
    {% endif %}
    {{ return(node.fqn[2] if node.fqn[2] in ('outcomes', 'calibration', 'audiences') else 'marts') }}
{% endmacro %}


{#- The node that holds the new rows of a published node. -#}
{% macro delta_of(node) %}
    {{ return(node_called(node.config.delta or delta_name(node.name))) }}
{% endmacro %}


{#-
    Fails unless every delta was built by the build under way and nothing of that build is in error: an older delta
    would put back rows of another night.
-#}
{% macro refuse_stale_deltas(nodes) %}
    {% set names = ['int_users__changed'] %}
    {% for node in nodes %}
        {% do names.append(delta_of(node).name) %}
    {% endfor %}
    {% set obstacles = run_query(unbuilt_nodes(names)).columns[0].values() %}
    {% if obstacles | length > 0 %}
        {{ exceptions.raise_compiler_error(
            'Nothing was published, because these are not built for this night: ' ~ obstacles | join(', ')
            ~ '. Run the night again.'
        ) }}
    {% endif %}
{% endmacro %}
