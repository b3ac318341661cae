{#- An exact amount without zeros at the end of its decimals, so that equal amounts look equal. -#}
{% macro plain_amount(amount) -%}
    {{ adapter.dispatch('plain_amount', 'recall')(amount) }}
{%- endmacro %}


{% macro postgres__plain_amount(amount) -%}
    trim_scale({{ amount }})
{%- endmacro %}


{#- A whole number rounded to its two leading digits: 1,234 is 1,200. -#}
{% macro leading_digits(number) -%}
    round(cast({{ number }} as {{ numeric_type() }}), 2 - length({{ as_text('cast(' ~ number ~ ' as bigint)') }}))
{%- endmacro %}
