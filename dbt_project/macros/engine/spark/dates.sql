{#- Instants are `timestamp`s of a session whose time zone is UTC (profiles.yml), so a shifted one shows local time. -#}
{% macro spark__business_date(instant) -%}
    cast(from_utc_timestamp({{ instant }}, '{{ night()['business_time_zone'] }}') as date)
{%- endmacro %}


{% macro spark__business_day_start(business_date) -%}
    to_utc_timestamp(cast({{ business_date }} as timestamp), '{{ night()['business_time_zone'] }}')
{%- endmacro %}


{#- Spark adds an `int` to a date and nothing wider. -#}
{% macro spark__add_days(date, days) -%}
    date_add({{ date }}, cast({{ days }} as int))
{%- endmacro %}


{% macro spark__days_between(from_date, to_date) -%}
    datediff({{ to_date }}, {{ from_date }})
{%- endmacro %}


{% macro spark__month_start(date) -%}
    trunc({{ date }}, 'MM')
{%- endmacro %}


{#- `sequence` counts down where the last day is before the first, hence the condition. -#}
{% macro spark__date_spine(first_date, last_date) -%}
    (
        select explode(
            case
                when {{ first_date }} <= {{ last_date }}
                    then sequence({{ first_date }}, {{ last_date }}, interval 1 day)
                else cast(array() as array<date>)
            end
        ) as calendar_date
    )
{%- endmacro %}


{% macro spark__number_series(first_number, last_number) -%}
    (
        select explode(
            case
                when {{ first_number }} <= {{ last_number }}
                    then sequence(cast({{ first_number }} as int), cast({{ last_number }} as int))
                else cast(array() as array<int>)
            end
        ) as series_number
    )
{%- endmacro %}
