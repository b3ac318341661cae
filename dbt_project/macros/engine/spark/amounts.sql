{#- A decimal of Spark has the decimals of its type and no others. -#}
{% macro spark__plain_amount(amount) -%}
    ({{ amount }})
{%- endmacro %}
