{# A code as people write it, in the one form in which codes are compared: no blanks or hyphens, O as 0, I and L as 1. #}
{% macro plain_coupon_code(code) -%}
    translate(upper({{ code }}), 'OIL- ', '011')
{%- endmacro %}


{#
    What is to be said of the redemption of a code of ours, the first that holds: the code was redeemed before; it was
    redeemed before or after the days on which it is valid; somebody redeemed it to whom it was not given.
#}
{% macro coupon_check(redemption_number, redeemed_date, valid_from_date, valid_until_date, is_own) -%}
    case
        when {{ redemption_number }} > 1 then 'repeated'
        when {{ redeemed_date }} < {{ valid_from_date }} then 'early'
        when {{ redeemed_date }} > {{ valid_until_date }} then 'expired'
        when not {{ is_own }} then 'other_person'
        else 'valid'
    end
{%- endmacro %}
