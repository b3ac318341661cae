{#- How many days each signal of the reason rules looks back. Renders a select of signal_code, window_days. -#}
{% macro signal_windows_in_force() %}
    select
        signal_code,
        max(window_days) as window_days
    from ({{ reason_rules_in_force() }}) as reason_rules
    where signal_code is not null
    group by signal_code
{% endmacro %}


{#- Whether a signal is in the range that a condition asks for; an unknown signal is in none. -#}
{% macro is_condition_met(value, minimum, maximum) -%}
    (
        {{ value }} is not null
        and {{ value }} >= coalesce({{ minimum }}, {{ value }})
        and ({{ maximum }} is null or {{ value }} < {{ maximum }})
    )
{%- endmacro %}


{#- Whether a day lies in a signal's window: its days end with the lapse and begin window_days before the last key day's end. -#}
{% macro is_in_signal_window(date, episodes, windows) -%}
    (
        {{ date }} > {{ add_days(episodes ~ '.last_key_date', '- ' ~ windows ~ '.window_days') }}
        and {{ date }} <= {{ episodes }}.lapsed_date
    )
{%- endmacro %}


{#- Whether a day belongs to the customer's present lifetime: what came before a return was forgiven by it. -#}
{% macro is_since_return(date, episodes) -%}
    ({{ episodes }}.previous_returned_date is null or {{ date }} >= {{ episodes }}.previous_returned_date)
{%- endmacro %}


{#- The nine reasons with their order, which decides between equal scores: a select of reason_code, reason_order. -#}
{% macro reasons_in_order() %}
    select
        reason_code,
        reason_order
    from (
        values
        ('never_activated', 1),
        ('product_quality', 2),
        ('service', 3),
        ('price', 4),
        ('content_stale', 5),
        ('wrong_match', 6),
        ('need_fulfilled', 7),
        ('competitor', 8),
        ('unknown', 9)
    ) as reasons (reason_code, reason_order)
{% endmacro %}


{#-
    Which signal a complaint, a survey answer or a rating belongs to, by its topic; null if to none. A rating counts
    for the goods unless it is about something else.
-#}
{% macro feedback_signal(kind, topic) -%}
    case
        when {{ kind }} = 'rating' and coalesce({{ topic }}, 'quality') in ('quality', 'other') then 'lowest_quality_rating'
        when {{ kind }} = 'rating' and {{ topic }} in ('service', 'delivery') then 'lowest_service_rating'
        when {{ kind }} = 'rating' then null
        when {{ topic }} in ('service', 'delivery') then 'service_mention_count'
        when {{ topic }} in ('quality', 'price', 'content', 'competitor') then {{ topic }} || '_mention_count'
    end
{%- endmacro %}
