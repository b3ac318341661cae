{#-
    `table` on PostgreSQL: what a night works with and nobody else reads. The old table goes and the new one comes in
    one transaction. dbt's own materialization builds beside the old table and renames twice, so that readers keep the
    old rows meanwhile; without readers that only costs, and a night makes a hundred such tables.

    With `is_view_in_rebuild`, a rebuild makes a view: its rows are then those of one other table as they stand.
-#}
{% materialization table, adapter='postgres' %}
    {%- set existing_relation = load_cached_relation(this) -%}
    {%- set kind = 'view' if config.get('is_view_in_rebuild') and is_full_rebuild() else 'table' -%}
    {%- set target_relation = this.incorporate(type=kind) -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {% call statement('main') -%}
        {#- A rebuild that hands a delta over to a public table leaves a view in its place. -#}
        drop {{ 'view' if existing_relation is not none and existing_relation.is_view else 'table' }}
        if exists {{ target_relation }} cascade;

        create {{ kind }} {{ target_relation }} as
        {{ sql }}
    {%- endcall %}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
