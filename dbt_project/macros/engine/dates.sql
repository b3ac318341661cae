{#- The calendar date of an instant in the business time zone. -#}
{% macro business_date(instant) -%}
    {{ adapter.dispatch('business_date', 'recall')(instant) }}
{%- endmacro %}


{% macro postgres__business_date(instant) -%}
    cast({{ instant }} at time zone '{{ night()['business_time_zone'] }}' as date)
{%- endmacro %}


{#- The instant at which a business date begins; its later one, where a clock change makes midnight happen twice. -#}
{% macro business_day_start(business_date) -%}
    {{ adapter.dispatch('business_day_start', 'recall')(business_date) }}
{%- endmacro %}


{% macro postgres__business_day_start(business_date) -%}
    (cast({{ business_date }} as timestamp) at time zone '{{ night()['business_time_zone'] }}')
{%- endmacro %}


{#-
    Whether an instant's business date is after the previous as-of date and not after tonight's. The bare bounds,
    a day wider than any clock change, let an index on the instant find the rows.
-#}
{% macro is_new_instant(instant) -%}
    (
        {{ instant }} >= {{ business_day_start(previous_as_of_date()) }}
        and {{ instant }} < {{ business_day_start(add_days(as_of_date(), 2)) }}
        and {{ business_date(instant) }} > {{ previous_as_of_date() }}
        and {{ business_date(instant) }} <= {{ as_of_date() }}
    )
{%- endmacro %}


{#-
    Whether an instant's business date is not after D. PostgreSQL compares the instant first, which is a fifth of the
    work and has statistics: two days before D ends no clock change makes it a later day.
-#}
{% macro is_seen_instant(instant) -%}
    {{ adapter.dispatch('is_seen_instant', 'recall')(instant) }}
{%- endmacro %}


{% macro default__is_seen_instant(instant) -%}
    {{ business_date(instant) }} <= {{ as_of_date() }}
{%- endmacro %}


{% macro postgres__is_seen_instant(instant) -%}
    (
        {{ instant }} < {{ business_day_start(add_days(as_of_date(), -1)) }}
        or {{ business_date(instant) }} <= {{ as_of_date() }}
    )
{%- endmacro %}


{#- A date some days later (or earlier, if negative); both may be columns. -#}
{% macro add_days(date, days) -%}
    {{ adapter.dispatch('add_days', 'recall')(date, days) }}
{%- endmacro %}


{% macro postgres__add_days(date, days) -%}
    ({{ date }} + {{ days }})
{%- endmacro %}


{#- Whole days from one date to another, an integer. -#}
{% macro days_between(from_date, to_date) -%}
    {{ adapter.dispatch('days_between', 'recall')(from_date, to_date) }}
{%- endmacro %}


{% macro postgres__days_between(from_date, to_date) -%}
    ({{ to_date }} - {{ from_date }})
{%- endmacro %}


{#- The first day of a date's month. -#}
{% macro month_start(date) -%}
    {{ adapter.dispatch('month_start', 'recall')(date) }}
{%- endmacro %}


{% macro postgres__month_start(date) -%}
    cast(date_trunc('month', cast({{ date }} as timestamp)) as date)
{%- endmacro %}


{#-
    A relation with one column, calendar_date: every day from the first to the last, both included, and no row if
    the last is before the first. Arguments may be columns of relations to its left, after `cross join lateral`.
-#}
{% macro date_spine(first_date, last_date) -%}
    {{ adapter.dispatch('date_spine', 'recall')(first_date, last_date) }}
{%- endmacro %}


{% macro postgres__date_spine(first_date, last_date) -%}
    (
        select cast(days.day_start as date) as calendar_date
        from
            generate_series(
                cast({{ first_date }} as timestamp), cast({{ last_date }} as timestamp), interval '1 day'
            ) as days (day_start)
    )
{%- endmacro %}


{#- A relation with one column, series_number: every integer from the first to the last, both included. -#}
{% macro number_series(first_number, last_number) -%}
    {{ adapter.dispatch('number_series', 'recall')(first_number, last_number) }}
{%- endmacro %}


{% macro postgres__number_series(first_number, last_number) -%}
    (
        select cast(series.series_number as integer) as series_number
        from generate_series({{ first_number }}, {{ last_number }}) as series (series_number)
    )
{%- endmacro %}
