{#- Age in completed years on a date; somebody born on 29 February is a year older from 1 March of common years. -#}
{% macro age_in_years(birth_date, on_date) -%}
    cast(extract(year from age({{ on_date }}, {{ birth_date }})) as integer)
{%- endmacro %}
