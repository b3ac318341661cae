{#-
    Whether arms are as large as they were drawn: chi-square and its upper tail (docs/outcomes.md).
-#}


{#- What a cell adds to chi-square. -#}
{% macro chi_square_term(observed_count, expected_count) -%}
    (power({{ observed_count }} - {{ expected_count }}, 2) / {{ expected_count }})
{%- endmacro %}


{#-
    The chance that a standard normal number is farther from 0 than z, a double of at least 0: Abramowitz and Stegun
    7.1.26 with erfc(z / sqrt 2), wrong by 1.5e-7 at most.
-#}
{% macro two_sided_p(z) -%}
    {%- set t = '(1 / (1 + 0.3275911 * ' ~ z ~ ' / sqrt(2.0)))' -%}
    (
        {{ t }} * (
            0.254829592 + {{ t }} * (
                -0.284496736 + {{ t }} * (1.421413741 + {{ t }} * (-1.453152027 + {{ t }} * 1.061405429))
            )
        )
        * {{ bounded_exp('(-' ~ z ~ ' * ' ~ z ~ ' / 2)') }}
    )
{%- endmacro %}


{#- The chance that a standard normal number is below x, a double. -#}
{% macro normal_below(x) -%}
    case
        when {{ x }} < 0 then {{ two_sided_p('(-(' ~ x ~ '))') }} / 2
        else 1 - {{ two_sided_p(x) }} / 2
    end
{%- endmacro %}


{#-
    The chance of a chi-square above the observed one: Abramowitz and Stegun 26.4.4 (odd degrees of freedom) and 26.4.5
    (even ones), whose terms are the powers of chi-square over products of odd or even numbers.

    Args:
        chi_square: A double above 0.
        degrees: Degrees of freedom.
        series: The sum of the terms, each times exp(-chi_square / 2); null where there is none.
-#}
{% macro chi_square_tail(chi_square, degrees, series) -%}
    case
        when mod({{ degrees }}, 2) = 1
            then
                {{ two_sided_p('sqrt(' ~ chi_square ~ ')') }}
                + 0.7978845608028654 * coalesce({{ series }}, 0)
        else {{ bounded_exp('(-' ~ chi_square ~ ' / 2)') }} + coalesce({{ series }}, 0)
    end
{%- endmacro %}
