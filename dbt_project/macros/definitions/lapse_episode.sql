{#-
    The lapse episode, the heart of the model (docs/definitions.md). For consecutive key days d and d' of one customer
    in one line (d' may not exist), seen as of D: an episode exists if and only if there is no key day in (d, d+T] and
    D >= d+T.
-#}


{#- Whether a day is a key day of a line: the behaviour that its frequency class asks for. Each row has activity. -#}
{% macro is_key_day(frequency_class, visit_count, order_count) -%}
    case {{ frequency_class }}
        when 'high' then {{ order_count }} > 0
        when 'mid' then {{ order_count }} > 0 or {{ visit_count }} > 0
        else true
    end
{%- endmacro %}


{#- The day on which a customer lapses who stays quiet after a key day. -#}
{% macro lapsed_date(key_date, lapse_days) -%}
    {{ add_days(key_date, lapse_days) }}
{%- endmacro %}


{#- Whether an episode begins with a key day, given the next one or null. -#}
{% macro is_lapse_episode(key_date, next_key_date, lapse_days) -%}
    (
        {{ lapsed_date(key_date, lapse_days) }} <= {{ as_of_date() }}
        and ({{ next_key_date }} is null or {{ next_key_date }} > {{ lapsed_date(key_date, lapse_days) }})
    )
{%- endmacro %}
