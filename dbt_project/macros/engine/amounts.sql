{#- An exact amount without zeros at the end of its decimals, so that equal amounts look equal. -#}
{% macro plain_amount(amount) -%}
    trim_scale({{ amount }})
{%- endmacro %}
