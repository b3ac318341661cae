{#- What the data say about a line's limit (docs/definitions.md). -#}


{#- How far a point of the curve lies below the straight line from (0, 1) to the last supported point. -#}
{% macro depth_below_chord(quiet_days, survival_rate, last_quiet_days, last_survival_rate) -%}
    (1 - (1 - {{ last_survival_rate }}) * {{ quiet_days }} / {{ last_quiet_days }} - {{ survival_rate }})
{%- endmacro %}


{#- Whether the limit in force is further from the suggested one than a share of itself; false without a suggestion. -#}
{% macro is_drifting_limit(lapse_days, suggested_days, max_drift_rate) -%}
    coalesce(abs({{ suggested_days }} - {{ lapse_days }}) > {{ max_drift_rate }} * {{ lapse_days }}, false)
{%- endmacro %}
