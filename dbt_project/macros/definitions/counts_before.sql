{#-
    The two counts of the layers: visits in the 7 days before a day, and orders in the 30 days before it. Windows over days
    with user_id, line_id and day_number (days since a fixed one), which must reach back that far.
-#}
{% macro visit_count_7d_before() -%}
    {{ count_before('visit_count', 7) }}
{%- endmacro %}


{% macro order_count_30d_before() -%}
    {{ count_before('order_count', 30) }}
{%- endmacro %}


{#- The first day that the count of visits before a day asks for. -#}
{% macro visit_count_7d_begins(date) -%}
    {{ add_days(date, -7) }}
{%- endmacro %}


{% macro count_before(count, days) -%}
    coalesce(sum({{ count }}) over (
        partition by user_id, line_id
        order by day_number
        range between {{ days }} preceding and 1 preceding
    ), 0)
{%- endmacro %}
