{#-
    Where a customer of a line stands between the first order and the lapse, and how the customers of a line change from
    month to month (docs/definitions.md).
-#}


{# The rules in force: decline_share of lapse_days, and order days that make a customer mature. #}
{% macro lifecycle_rules_in_force() %}
    {{ set_in_force('lifecycle_rules', ['decline_share', 'mature_order_days']) }}
{% endmacro %}


{#- The first number of quiet days that is at least the share of lapse_days. -#}
{% macro decline_days(decline_share, lapse_days) -%}
    cast(ceil({{ decline_share }} * {{ lapse_days }}) as integer)
{%- endmacro %}


{#- The stage of a customer of a line on a day: the first rule that holds. -#}
{% macro lifecycle_stage(customer, line, on_date) -%}
    case
        when {{ customer }}.has_open_episode then 'lapsed'
        when {{ days_between(customer ~ '.last_returned_date', on_date) }} < {{ line }}.returned_days then 'returned'
        when {{ days_between(customer ~ '.last_key_date', on_date) }} >= {{ line }}.decline_days then 'declining'
        when {{ customer }}.order_day_count >= {{ line }}.mature_order_days then 'mature'
        when {{ customer }}.order_day_count >= 2 then 'growing'
        else 'introduced'
    end
{%- endmacro %}


{#- The first day of the month before that of a month's first day. -#}
{% macro previous_month(month) -%}
    {{ month_start(add_days(month, -1)) }}
{%- endmacro %}


{#- The first day of the month after that of a month's first day. -#}
{% macro next_month(month) -%}
    {{ month_start(add_days(month, 31)) }}
{%- endmacro %}
