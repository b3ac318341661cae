{#-
    `stable_view`: a view that is replaced in place, so that views which others built on it live on. dbt's own `view`
    drops them.

        -- models/marts/core/fct_churn_flags.sql
        {{ config(materialized='stable_view') }}

        select ...

    PostgreSQL replaces a view only if its columns stay, in name, type and order; new ones may follow. Otherwise the
    build fails and says what stands in the way. Where nobody else reads (`on_incompatible_change: replace`, the
    default of staging), the view is dropped with what stands on it and made again; the same build makes those too.
-#}
{% materialization stable_view, default %}
    {%- set target_relation = this.incorporate(type='view') -%}
    {%- set existing_relation = load_cached_relation(this) -%}

    {% if existing_relation is not none and not existing_relation.is_view %}
        {{ exceptions.raise_compiler_error(
            this ~ ' exists and is a ' ~ existing_relation.type ~ ', not a view. Move what depends on it, then run: '
            ~ 'drop ' ~ existing_relation.type ~ ' ' ~ this
        ) }}
    {% endif %}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {% if config.get('contract').enforced %}
        {{ get_assert_columns_equivalent(sql) }}
    {% endif %}
    {% call statement('main') -%}
        {{ create_or_replace_view(target_relation, sql, config.get('on_incompatible_change', 'refuse')) }}
    {%- endcall %}
    {% do apply_grants(target_relation, config.get('grants'), should_revoke=True) %}
    {% do persist_docs(target_relation, model) %}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
