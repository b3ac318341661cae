{#- Every persona and reason that open episodes are counted by: a select of dimension_code, profile_code. -#}
{% macro profile_dimension_codes() %}
    select
        'persona' as dimension_code,
        persona_code as profile_code
    from ({{ persona_rules_in_force() }}) as persona_rules
    group by persona_code

    union all

    select
        'reason' as dimension_code,
        reason_code as profile_code
    from ({{ reasons_in_order() }}) as reasons
{% endmacro %}
