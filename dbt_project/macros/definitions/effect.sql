{#
    The statistics of an effect, one macro per formula (docs/outcomes.md). Arguments are SQL expressions of type
    numeric. All of them are null-safe: a missing argument gives a missing result.
#}


{# How many events, users and days an effect stands on: one row. #}
{% macro effect_rules_in_force() %}
    {{ set_in_force(
        'effect_rules',
        [
            'min_event_count', 'rough_event_count', 'rough_money_count', 'min_expected_count', 'mismatch_limit',
            'winsor_rate', 'covariate_days', 'min_stratum_count', 'sequential_user_count', 'min_relapse_count',
            'kept_arm_share',
        ],
    ) }}
{% endmacro %}


{#
    The metrics, by their code: `value` is a person's value in a window, null instead of 0, so that sums skip the many
    who did nothing; `is_money`; `is_adjusted`, whether there is a `_cuped` estimate of it. Winsorised values are cut
    at a limit per campaign and window. Columns belong to the relations recalled_users and limits.
#}
{% macro effect_metrics() %}
    {{ return({
        'visit_rate': {
            'value': 'case when recalled_users.visit_count > 0 then 1 end', 'is_money': false, 'is_adjusted': true,
        },
        'order_rate': {
            'value': 'case when recalled_users.order_count > 0 then 1 end', 'is_money': false, 'is_adjusted': true,
        },
        'return_rate': {
            'value': 'case when recalled_users.is_returned then 1 end', 'is_money': false, 'is_adjusted': true,
        },
        'order_count': {
            'value': 'nullif(recalled_users.order_count, 0)', 'is_money': false, 'is_adjusted': true,
        },
        'net_amount': {
            'value': 'nullif(recalled_users.net_amount, 0)', 'is_money': true, 'is_adjusted': true,
        },
        'contribution_amount': {
            'value': 'nullif(recalled_users.contribution_amount, 0)', 'is_money': true, 'is_adjusted': true,
        },
        'order_count_winsorised': {
            'value': 'least(nullif(recalled_users.order_count, 0), limits.order_count)',
            'is_money': false, 'is_adjusted': false,
        },
        'net_amount_winsorised': {
            'value': 'case when recalled_users.net_amount <> 0 then'
                ~ ' least(recalled_users.net_amount, limits.net_amount) end',
            'is_money': true, 'is_adjusted': false,
        },
        'contribution_amount_winsorised': {
            'value': 'case when recalled_users.contribution_amount <> 0 then'
                ~ ' least(recalled_users.contribution_amount, limits.contribution_amount) end',
            'is_money': true, 'is_adjusted': false,
        },
    }) }}
{% endmacro %}


{#- Sample variance (n-1) from a count, a sum and a sum of squares; null below two users. -#}
{% macro sample_variance(user_count, total, square_total) -%}
    {{ sample_covariance(user_count, total, total, square_total) }}
{%- endmacro %}


{#- Sample covariance (n-1) from a count, two sums and a sum of products; null below two users. -#}
{% macro sample_covariance(user_count, total, other_total, product_total) -%}
    (
        ({{ user_count }} * {{ product_total }} - {{ total }} * {{ other_total }})
        / nullif({{ user_count }} * ({{ user_count }} - 1), 0)
    )
{%- endmacro %}


{#- The sum of products of deviations from two means, from a count, two sums and a sum of products. -#}
{% macro centred_product(user_count, total, other_total, product_total) -%}
    ({{ product_total }} - {{ total }} * {{ other_total }} / {{ user_count }})
{%- endmacro %}


{#- Of two covariates' centred products; 0 where one of them follows from the other, so that only one is used. -#}
{% macro determinant(x1_x1, x1_x2, x2_x2) -%}
    case
        when ({{ x1_x1 }}) * ({{ x2_x2 }}) * 0.999999 > power({{ x1_x2 }}, 2)
            then ({{ x1_x1 }}) * ({{ x2_x2 }}) - power({{ x1_x2 }}, 2)
        else 0
    end
{%- endmacro %}


{#- The least-squares slope of the first of two covariates; 0 where it does not vary. -#}
{% macro first_slope(y_x1, y_x2, x1_x1, x1_x2, x2_x2, determinant) -%}
    case
        when {{ determinant }} > 0
            then (({{ y_x1 }}) * ({{ x2_x2 }}) - ({{ y_x2 }}) * ({{ x1_x2 }})) / {{ determinant }}
        when {{ x1_x1 }} > 0 then ({{ y_x1 }}) / ({{ x1_x1 }})
        else 0
    end
{%- endmacro %}


{#- The least-squares slope of the second one; 0 where it does not vary, or only as the first one does. -#}
{% macro second_slope(y_x1, y_x2, x1_x1, x1_x2, x2_x2, determinant) -%}
    case
        when {{ determinant }} > 0
            then (({{ y_x2 }}) * ({{ x1_x1 }}) - ({{ y_x1 }}) * ({{ x1_x2 }})) / {{ determinant }}
        when {{ x1_x1 }} > 0 then 0
        when {{ x2_x2 }} > 0 then ({{ y_x2 }}) / ({{ x2_x2 }})
        else 0
    end
{%- endmacro %}


{#- What a mean's variance V adds to the denominator of Welch-Satterthwaite: V^2 / (n - 1). -#}
{% macro welch_term(mean_variance, user_count) -%}
    (power({{ mean_variance }}, 2) / nullif({{ user_count }} - 1, 0))
{%- endmacro %}


{#- Welch-Satterthwaite degrees of freedom of a sum of variances: its square over the sum of their terms. -#}
{% macro welch_degrees_of_freedom(variance, term) -%}
    (power({{ variance }}, 2) / nullif({{ term }}, 0))
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


{#- Variance of the relative lift d / mC by the delta method, from the variances of the two means. -#}
{% macro relative_variance(treated_mean, treated_mean_variance, control_mean, control_mean_variance) -%}
    (
        {{ treated_mean_variance }} / nullif(power({{ control_mean }}, 2), 0)
        + {{ control_mean_variance }} * power({{ treated_mean }}, 2) / nullif(power({{ control_mean }}, 4), 0)
    )
{%- endmacro %}


{#-
    Half the width of the anytime-valid interval at a = 0.05, tuned to a number of users in both arms together
    (Waudby-Smith et al. 2021): it holds however often one looks.
-#}
{% macro sequential_half_width(standard_error, user_count, tuned_user_count) -%}
    {%- set tuning = '((-2 * ln(0.05) + ln(-2 * ln(0.05) + 1)) / ' ~ tuned_user_count ~ ')' -%}
    (
        {{ standard_error }} * sqrt({{ user_count }}) * sqrt(
            2 * ({{ user_count }} * {{ tuning }} + 1) / nullif(power({{ user_count }}, 2) * {{ tuning }}, 0)
            * ln(sqrt({{ user_count }} * {{ tuning }} + 1) / 0.05)
        )
    )
{%- endmacro %}


{#-
    Why no effect may be stated, from the users with the event, and of a share or a count also without it, that each
    side has; null where it may. A control without an event has no variance, and an interval would be wrong too often.
-#}
{% macro too_few_events(treated_events, treated_count, control_events, control_count, is_money, min_event_count) -%}
    case
        when least({{ treated_events }}, {{ control_events }}) < {{ min_event_count }}
            then 'fewer than ' || {{ as_text(min_event_count) }} || ' users with an event in an arm'
        when
            not {{ is_money }}
            and least({{ treated_count }} - {{ treated_events }}, {{ control_count }} - {{ control_events }})
            < {{ min_event_count }}
            then 'fewer than ' || {{ as_text(min_event_count) }} || ' users without an event in an arm'
    end
{%- endmacro %}


{#- Whether the events are few enough for an interval to be a rough one: amounts of money skew more than shares do. -#}
{% macro is_rough(treated_events, treated_count, control_events, control_count, is_money, rules) -%}
    (
        least(
            {{ treated_events }},
            {{ control_events }},
            case when not {{ is_money }} then {{ treated_count }} - {{ treated_events }} end,
            case when not {{ is_money }} then {{ control_count }} - {{ control_events }} end
        ) < case when {{ is_money }} then {{ rules }}.rough_money_count else {{ rules }}.rough_event_count end
    )
{%- endmacro %}


{#- The campaign of all our campaigns: the global holdout against everyone else. -#}
{% macro program_campaign_id() -%}
    'all'
{%- endmacro %}
