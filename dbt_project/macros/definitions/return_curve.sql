{#-
    How a quiet customer's return is estimated (docs/definitions.md): Kaplan and Meier 1958, over the gaps between key
    days, the open one censored at D.
-#}


{# Horizon, limits and support of the return curves, and how often they are fitted: one row. #}
{% macro churn_limit_rules_in_force() %}
    {{ set_in_force(
        'churn_limit_rules',
        ['horizon_days', 'max_return_rate', 'min_at_risk_count', 'max_drift_rate', 'fit_interval_days'],
    ) }}
{% endmacro %}


{#-
    The share that is still quiet after each step of a curve: the product of 1 - returned / at risk so far.

    Args:
        returned_count: Those who return on the step.
        at_risk_count: Those who could; a step without anybody at risk leaves the product as it is.
        over: The window: the curve's columns, and its steps in order.
-#}
{% macro survival_rate(returned_count, at_risk_count, over) -%}
    case
        when
            max(case when {{ at_risk_count }} > 0 and {{ returned_count }} = {{ at_risk_count }} then 1 else 0 end)
                over ({{ over }})
            = 1 then cast(0 as {{ numeric_type() }})
        else
            exp(sum(
                case
                    when {{ returned_count }} > 0 and {{ returned_count }} < {{ at_risk_count }}
                        then ln(1.0 * ({{ at_risk_count }} - {{ returned_count }}) / {{ at_risk_count }})
                    else cast(0 as {{ numeric_type() }})
                end
            ) over ({{ over }}))
    end
{%- endmacro %}


{#- Where a gap that no campaign may have shortened ends: the day before the first touch in it, else its own end. -#}
{% macro untouched_quiet_days(key_date, end_date, touched_date) -%}
    case
        when {{ touched_date }} <= {{ end_date }} then {{ days_between(key_date, touched_date) }} - 1
        else {{ days_between(key_date, end_date) }}
    end
{%- endmacro %}
