{#
    The business lines in force on the as-of date: per line the row of the greatest valid_from not after it.
    Line `all` always exists: before its first date its first row holds.
    Renders a select of line_id, line_name, frequency_class, key_behaviour, lapse_days, returned_days, margin_rate.
#}
{% macro lines_in_force() %}
    select
        business_lines.line_id,
        business_lines.line_name,
        business_lines.frequency_class,
        {{ key_behaviour('business_lines.frequency_class') }} as key_behaviour,
        business_lines.lapse_days,
        business_lines.returned_days,
        business_lines.margin_rate
    from {{ source('definitions', 'business_lines') }} as business_lines
    inner join (
        select
            line_id,
            max(case when valid_from <= {{ as_of_date() }} then valid_from end) as last_date,
            min(valid_from) as first_date
        from {{ source('definitions', 'business_lines') }}
        group by line_id
    ) as line_dates
        on business_lines.line_id = line_dates.line_id
    where
        business_lines.valid_from = line_dates.last_date
        or (
            line_dates.last_date is null
            and business_lines.line_id = 'all'
            and business_lines.valid_from = line_dates.first_date
        )
{% endmacro %}


{# What keeps a customer of a line from lapsing, from the line's frequency class. #}
{% macro key_behaviour(frequency_class) -%}
    case {{ frequency_class }} when 'high' then 'order' when 'mid' then 'visit_or_order' else 'any_activity' end
{%- endmacro %}
