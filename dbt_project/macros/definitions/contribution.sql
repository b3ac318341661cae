{#- What is left of an order: net amount less refunds (at most the order) less what its goods cost. -#}
{% macro contribution(net_amount, refunded_amount, cost_amount) -%}
    ({{ net_amount }} - {{ refunded_amount }} - {{ cost_amount }})
{%- endmacro %}
