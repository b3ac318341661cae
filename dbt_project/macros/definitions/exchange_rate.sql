{#-
    What one unit of a currency is worth in the workspace's currency on a date: the last rate not after the date, or
    the first one there is. 1 for the workspace's own currency and where none is given.
-#}
{% macro exchange_rate(currency, date) -%}
    case
        when {{ currency }} is null or {{ currency }} = {{ currency_code() }} then 1
        else (
            select rates.rate
            from {{ source('definitions', 'exchange_rates') }} as rates
            where rates.currency_code = {{ currency }}
            order by
                case when rates.rate_date <= {{ date }} then rates.rate_date end desc nulls last,
                rates.rate_date
            limit 1
        )
    end
{%- endmacro %}


{#- An amount of a currency in the workspace's currency, to the cent; amounts in its own currency stay as they came. -#}
{% macro converted_amount(amount, exchange_rate) -%}
    case when {{ exchange_rate }} = 1 then {{ amount }} else round({{ amount }} * {{ exchange_rate }}, 2) end
{%- endmacro %}
