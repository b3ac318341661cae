{#
    The statistics of an effect, one macro per formula (docs/outcomes.md). Arguments are SQL
    expressions of type numeric. All of them are null-safe: a missing argument gives a missing result.
#}


{# Standard error of a difference of two means, from the sample variances (n-1). #}
{% macro difference_standard_error(treated_variance, treated_count, control_variance, control_count) -%}
    sqrt({{ treated_variance }} / nullif({{ treated_count }}, 0) + {{ control_variance }} / nullif({{ control_count }}, 0))
{%- endmacro %}


{# Welch-Satterthwaite degrees of freedom of that difference. #}
{% macro welch_degrees_of_freedom(treated_variance, treated_count, control_variance, control_count) -%}
    power({{ treated_variance }} / nullif({{ treated_count }}, 0) + {{ control_variance }} / nullif({{ control_count }}, 0), 2)
    / nullif(
        power({{ treated_variance }} / nullif({{ treated_count }}, 0), 2) / nullif({{ treated_count }} - 1, 0)
        + power({{ control_variance }} / nullif({{ control_count }}, 0), 2) / nullif({{ control_count }} - 1, 0),
        0
    )
{%- endmacro %}


{# The 97.5 % quantile of Student's t: Abramowitz and Stegun 26.7.5, four terms, x = 1.959963984540054. #}
{% macro student_t_quantile(degrees_of_freedom) -%}
    {%- set x = 1.959963984540054 -%}
    {%- set terms = [
        (x ** 3 + x) / 4,
        (5 * x ** 5 + 16 * x ** 3 + 3 * x) / 96,
        (3 * x ** 7 + 19 * x ** 5 + 17 * x ** 3 - 15 * x) / 384,
        (79 * x ** 9 + 776 * x ** 7 + 1482 * x ** 5 - 1920 * x ** 3 - 945 * x) / 92160,
    ] -%}
    (
        {{ x }}
        + {{ '%.15f' % terms[0] }} / {{ degrees_of_freedom }}
        + {{ '%.15f' % terms[1] }} / power({{ degrees_of_freedom }}, 2)
        + {{ '%.15f' % terms[2] }} / power({{ degrees_of_freedom }}, 3)
        + {{ '%.15f' % terms[3] }} / power({{ degrees_of_freedom }}, 4)
    )
{%- endmacro %}


{# Standard error of the relative lift d / mC by the delta method. #}
{% macro relative_standard_error(
    treated_mean, treated_variance, treated_count, control_mean, control_variance, control_count
) -%}
    sqrt(
        {{ treated_variance }} / nullif({{ treated_count }} * power({{ control_mean }}, 2), 0)
        + {{ control_variance }} * power({{ treated_mean }}, 2) / nullif({{ control_count }} * power({{ control_mean }}, 4), 0)
    )
{%- endmacro %}


{#
    Half the width of the anytime-valid interval at a = 0.05, tuned to 5,000 users in both arms together
    (Waudby-Smith et al. 2021): it holds however often one looks.
#}
{% macro sequential_half_width(standard_error, user_count) -%}
    {%- set tuning = '((-2 * ln(0.05) + ln(-2 * ln(0.05) + 1)) / 5000)' -%}
    (
        {{ standard_error }} * sqrt({{ user_count }}) * sqrt(
            2 * ({{ user_count }} * {{ tuning }} + 1) / nullif(power({{ user_count }}, 2) * {{ tuning }}, 0)
            * ln(sqrt({{ user_count }} * {{ tuning }} + 1) / 0.05)
        )
    )
{%- endmacro %}


{# Users with the event, and without it, that each arm must have before an effect may be stated. #}
{% macro min_event_count() -%}
    10
{%- endmacro %}


{# Below this many an interval is a rough one: non-zero amounts of money skew more than shares do. #}
{% macro approximate_event_count(is_money) -%}
    case when {{ is_money }} then 200 else 50 end
{%- endmacro %}
