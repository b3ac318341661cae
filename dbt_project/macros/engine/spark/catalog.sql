{% macro spark__analyze(relation) -%}
    analyze table {{ relation }} compute statistics
{%- endmacro %}


{#- Spark replaces a view whatever its columns were. -#}
{% macro spark__create_or_replace_view(relation, sql, on_incompatible_change) -%}
    create or replace view {{ relation }} as
    {{ sql }}
{%- endmacro %}


{#- Spark has no keys: the statistics alone. -#}
{% macro spark__key_like(name) -%}
    {{ analyze(this) }}
{%- endmacro %}
