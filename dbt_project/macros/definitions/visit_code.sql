{#- What a visit is counted by within a day: its session; a row without a session id is its own visit. -#}
{% macro visit_code(session_id, visit_id) -%}
    coalesce('session ' || {{ session_id }}, 'row ' || {{ visit_id }})
{%- endmacro %}
