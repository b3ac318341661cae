{#- Age in completed years on a date; somebody born on 29 February is a year older from 1 March of common years. -#}
{% macro age_in_years(birth_date, on_date) -%}
    cast(
        extract(year from {{ on_date }}) - extract(year from {{ birth_date }})
        - case when {{ day_of_year_number(on_date) }} < {{ day_of_year_number(birth_date) }} then 1 else 0 end
        as integer
    )
{%- endmacro %}


{#- Month and day as one number, 101 to 1231, which orders days of different years within the year. -#}
{% macro day_of_year_number(date) -%}
    (extract(month from {{ date }}) * 100 + extract(day from {{ date }}))
{%- endmacro %}
