{#-
    The night under way, as the one row of control.night says: what every model is built for. It is read while a
    model is rendered, so that dates reach the SQL as literals and the planner knows them.

    Keys: build_id, as_of_date, previous_as_of_date (none before the first night), previous_load_id, load_id,
    definitions_version, code_version, is_full_rebuild, business_time_zone, currency_code, global_holdout_rate.

    A unit test overrides this macro with a mapping, or one of those below with the SQL that it renders.
-#}
{% macro night() %}
    {% if not execute %}
        {{ return({
            'build_id': 0,
            'as_of_date': '1970-01-01',
            'previous_as_of_date': none,
            'previous_load_id': 0,
            'load_id': 0,
            'definitions_version': '',
            'code_version': '',
            'is_full_rebuild': true,
            'business_time_zone': 'UTC',
            'currency_code': 'XXX',
            'global_holdout_rate': 0,
        }) }}
    {% endif %}
    {#- Every model asks, often many times; the graph is one for all models of a dbt command, and no longer. -#}
    {% set key = 'night of ' ~ invocation_id %}
    {% if key in graph %}
        {{ return(graph[key]) }}
    {% endif %}
    {% set rows = run_query('select * from ' ~ control_schema() ~ '.night').rows %}
    {% if rows | length == 0 %}
        {{ exceptions.raise_compiler_error(
            'No night is under way: control.night is empty. Build with `recall nightly --as-of <date>`.'
        ) }}
    {% endif %}
    {% set night = rows[0].dict() %}
    {% do graph.update({key: night}) %}
    {{ return(night) }}
{% endmacro %}


{#- D, the last complete business day that the night includes, as a date literal. -#}
{% macro as_of_date() -%}
    cast('{{ night()['as_of_date'] }}' as date)
{%- endmacro %}


{#- The as-of date of the build before, as a date literal; null before the first one. -#}
{% macro previous_as_of_date() -%}
    {%- set value = night()['previous_as_of_date'] -%}
    cast({{ "'" ~ value ~ "'" if value else 'null' }} as date)
{%- endmacro %}


{#- Whether tonight everything is built anew: true or false in Jinja, for choosing the SQL. -#}
{% macro is_full_rebuild() %}
    {{ return(night()['is_full_rebuild']) }}
{% endmacro %}


{#-
    Whether published tables are as their contracts say without anybody looking: true or false in Jinja. What they are
    follows from the project's code, and new code rebuilds everything; the build after a rebuild tightens what could not
    be required before the rows were there. From then on they stand.
-#}
{% macro is_settled() %}
    {% if not execute or is_full_rebuild() %}
        {{ return(false) }}
    {% endif %}
    {% set key = 'settled of ' ~ invocation_id %}
    {% if key not in graph %}
        {% set query %}
            select not is_full_rebuild as is_settled
            from {{ control_schema() }}.builds
            where published_at is not null and build_id < {{ build_id() }}
            order by build_id desc
            limit 1
        {% endset %}
        {% set rows = run_query(query).rows %}
        {% do graph.update({key: rows | length > 0 and rows[0]['is_settled']}) %}
    {% endif %}
    {{ return(graph[key]) }}
{% endmacro %}


{#-
    What tonight's outcomes begin from, for choosing the SQL (docs/decisions/0035):

        rebuild  nothing: every entry is followed anew. So in a full rebuild, and where the outcomes that are served do
                 not belong to the build that tonight's changes are counted from, because that night failed after
                 its marts were published.
        night    the outcomes of the build before, and what changed since.
        again    the outcomes of this very build, which were published before: only the ledger may say something else.
-#}
{% macro outcomes_begin() %}
    {% if not execute %}
        {{ return('rebuild') }}
    {% endif %}
    {% set key = 'outcomes of ' ~ invocation_id %}
    {% if key in graph %}
        {{ return(graph[key]) }}
    {% endif %}
    {% set query %}
        select
            (select build_id from {{ control_schema() }}.served_outcomes) as served_build_id,
            (
                select max(build_id)
                from {{ control_schema() }}.builds
                where published_at is not null and build_id < {{ build_id() }}
            ) as previous_build_id
    {% endset %}
    {% set builds = run_query(query).rows[0] %}
    {% if builds['served_build_id'] == build_id() | int %}
        {% set begin = 'again' %}
    {% elif is_full_rebuild() or builds['served_build_id'] is none
            or builds['served_build_id'] != builds['previous_build_id'] %}
        {% set begin = 'rebuild' %}
    {% else %}
        {% set begin = 'night' %}
    {% endif %}
    {% do graph.update({key: begin}) %}
    {{ return(begin) }}
{% endmacro %}


{#- The last load that the build before saw, as a number literal. -#}
{% macro previous_load_id() -%}
    {{ night()['previous_load_id'] }}
{%- endmacro %}


{#- The build under way, as a number literal. -#}
{% macro build_id() -%}
    {{ night()['build_id'] }}
{%- endmacro %}


{#- The set of definitions in force tonight, as a text literal. -#}
{% macro definitions_version() -%}
    cast('{{ night()['definitions_version'] }}' as {{ dbt.type_string() }})
{%- endmacro %}


{#- The workspace's currency, as a text literal. -#}
{% macro currency_code() -%}
    cast('{{ night()['currency_code'] }}' as {{ dbt.type_string() }})
{%- endmacro %}


{#- The statement that makes the night's build the one that the public tables serve. -#}
{% macro mark_published() -%}
    update {{ control_schema() }}.builds
    set
        state = 'published',
        published_at = clock_timestamp()
    where
        build_id = {{ build_id() }}
        and state = 'running'
{%- endmacro %}


{#- The statements that write down that the outcomes served from now on are those of the night's build. -#}
{% macro mark_outcomes_published() -%}
    delete from {{ control_schema() }}.served_outcomes;

    insert into {{ control_schema() }}.served_outcomes (build_id) values ({{ build_id() }})
{%- endmacro %}


{#-
    A query for the nodes that stand in the way of a publication: of the names those that the build under way has not
    built, and whatever failed in it the last time it ran.
-#}
{% macro unbuilt_nodes(names) %}
    with

    last_results as (

        select distinct on (node_name)
            node_name,
            status
        from {{ control_schema() }}.node_results
        where build_id = {{ build_id() }}
        order by node_name asc, finished_at desc

    )

    select wanted.node_name
    from unnest(array['{{ names | join("', '") }}']) as wanted (node_name)
    left join last_results
        on wanted.node_name = last_results.node_name
    where last_results.status is distinct from 'success'

    union

    select node_name
    from last_results
    where status not in ('success', 'pass', 'warn', 'no-op')
    order by node_name
{% endmacro %}
