{#- The type of numbers with 15 significant digits, for what is computed by logarithms and never stored. -#}
{% macro type_double() -%}
    {{ adapter.dispatch('type_double', 'recall')() }}
{%- endmacro %}


{% macro postgres__type_double() -%}
    double precision
{%- endmacro %}


{#- The exponential of a double, tiny or huge where the engine would refuse to hold the result; null of null. -#}
{% macro bounded_exp(exponent) -%}
    exp(
        case
            when {{ exponent }} > 700 then cast(700 as {{ type_double() }})
            when {{ exponent }} < -700 then cast(-700 as {{ type_double() }})
            else {{ exponent }}
        end
    )
{%- endmacro %}
