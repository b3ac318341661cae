{#- Whether a customer who has not lapsed still is one: MBG/NBD and BG/NBD (docs/definitions.md). -#}


{# The model that is fitted, and what a line needs for it: one row. #}
{% macro survival_rules_in_force() %}
    {{ set_in_force(
        'survival_rules', ['model_code', 'min_buyer_count', 'min_history_days', 'max_silent_days']
    ) }}
{% endmacro %}


{#- Chances to drop out that a customer has had: each repeat order, and in MBG/NBD the first one too. -#}
{% macro dropout_chances(model_code, repeat_order_count) -%}
    ({{ repeat_order_count }} + case {{ model_code }} when 'mbg_nbd' then 1 when 'bg_nbd' then 0 end)
{%- endmacro %}


{#-
    The chance that a customer is alive: 1 / (1 + a / (b + c - 1) * ((alpha + T) / (alpha + t_x))^(r + x)), c being the
    chances to drop out so far; 1 before the first of them. Source: Batislam et al. 2007, equation 8.

    Args:
        fit: Alias of the row of parameters: model_code, r, alpha_days, a, b.
        repeat_order_count: x, order days after the first one.
        recency_days: t_x, days from the first to the last order.
        age_days: T, days from the first order to D.
-#}
{% macro alive_probability(fit, repeat_order_count, recency_days, age_days) -%}
    {%- set chances = dropout_chances(fit ~ '.model_code', repeat_order_count) -%}
    case
        when {{ chances }} = 0 then cast(1 as {{ type_double() }})
        else
            1 / (1 + {{ bounded_exp(
                'ln(' ~ fit ~ '.a / (' ~ fit ~ '.b + ' ~ chances ~ ' - 1)) + (' ~ fit ~ '.r + ' ~ repeat_order_count
                ~ ') * ln((' ~ fit ~ '.alpha_days + ' ~ age_days ~ ') / (' ~ fit ~ '.alpha_days + ' ~ recency_days ~ '))'
            ) }})
    end
{%- endmacro %}


{#- What the series of expected orders runs in: z = days ahead / (alpha + T + days ahead). -#}
{% macro order_series_step(fit, age_days, days) -%}
    ({{ days }} / ({{ fit }}.alpha_days + {{ age_days }} + {{ days }}))
{%- endmacro %}


{#-
    Orders that a customer who is alive is expected to place: (a + b + c - 1) / (a - 1) * (1 - (1 - z)^(a - 1) * series).
    Source: Batislam et al. 2007, equation 9; Abramowitz and Stegun 15.3.3.

    Args:
        fit: Alias of the row of parameters.
        repeat_order_count: x, order days after the first one.
        step: z.
        series: The sum over coefficient_n * z^n, with the coefficients of the fit.
-#}
{% macro expected_orders_if_alive(fit, repeat_order_count, step, series) -%}
    ({{ fit }}.a + {{ fit }}.b + {{ dropout_chances(fit ~ '.model_code', repeat_order_count) }} - 1)
    / ({{ fit }}.a - 1)
    * (1 - {{ bounded_exp('(' ~ fit ~ '.a - 1) * ln(1 - ' ~ step ~ ')') }} * {{ series }})
{%- endmacro %}
