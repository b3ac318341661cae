{#-
    The type of an exact number. Never a bare `numeric` in a model: on Spark that is one without decimals, and every
    amount would be cut to a whole number without a word.
-#}
{% macro numeric_type() -%}
    {{ adapter.dispatch('numeric_type', 'recall')() }}
{%- endmacro %}


{% macro postgres__numeric_type() -%}
    numeric
{%- endmacro %}


{#- A contract's data type, which is written in PostgreSQL's words, in those of the engine. -#}
{% macro contract_type(data_type) -%}
    {{ adapter.dispatch('contract_type', 'recall')(data_type) }}
{%- endmacro %}


{% macro postgres__contract_type(data_type) -%}
    {{ data_type }}
{%- endmacro %}


{#- A value as text: of a date its ISO form. -#}
{% macro as_text(value) -%}
    cast({{ value }} as {{ dbt.type_string() }})
{%- endmacro %}
