{#- The widest exact type that Spark has: 28 digits before the point and 10 behind it. -#}
{% macro spark__numeric_type() -%}
    decimal(38, 10)
{%- endmacro %}


{% macro spark__contract_type(data_type) -%}
    {%- set spark_types = {
        'text': dbt.type_string(),
        'numeric': numeric_type(),
        'double precision': 'double',
        'timestamptz': 'timestamp',
        'timestamp with time zone': 'timestamp',
    } -%}
    {{ spark_types.get(data_type, data_type) }}
{%- endmacro %}


{% macro spark__type_double() -%}
    double
{%- endmacro %}
