{# The days after a cohort's day on which retention is looked at. #}
{% macro retention_days_in_force() %}
    {{ set_in_force('retention_days', ['day_number']) }}
{% endmacro %}


{#- The channel that won a user, as cohorts are divided by it. -#}
{% macro cohort_channel(acquisition_channel) -%}
    coalesce({{ acquisition_channel }}, 'unknown')
{%- endmacro %}


{#- The day whose bounded retention stands beside the cost of new and of returned customers: the column is called _30d. -#}
{% macro balance_retention_day() -%}
    30
{%- endmacro %}
