{#- Order means valid order everywhere: it was paid. A refund changes money, never behaviour. -#}
{% macro is_valid_order(status) -%}
    {{ status }} in ('paid', 'completed', 'refunded')
{%- endmacro %}
