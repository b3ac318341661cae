{#-
    Schemas are called exactly as the layers, without the target's prefix; those of a scratch build, which looks at a
    past day apart from what is served, carry the prefix that plugins/recall/hooks/dbt.py sets.
-#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ env_var('RECALL_SCHEMA_PREFIX', '') }}{{ custom_schema_name if custom_schema_name else target.schema }}
{%- endmacro %}


{#- The schema in which the night under way is written down. -#}
{% macro control_schema() -%}
    {{ env_var('RECALL_SCHEMA_PREFIX', '') }}control
{%- endmacro %}
