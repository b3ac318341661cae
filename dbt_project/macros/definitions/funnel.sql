{#-
    The funnel from a visit to an order (docs/definitions.md). Which behaviour counts as which step is a dated set; it is
    read while a model is rendered and written into the SQL, so that 50 million visits need no join to a handful of rows.
-#}


{# The steps in force: number, code and the behaviours that count as each. #}
{% macro funnel_steps_in_force() %}
    {{ set_in_force('funnel_steps', ['step_number', 'step_code', 'behaviour_code', 'action', 'object_type']) }}
{% endmacro %}


{#- The deepest step that an action of a visit counts as; 0 for none. -#}
{% macro funnel_step_of_visit(action, object_type) -%}
    {%- set steps = funnel_behaviours('visit') -%}
    {%- if steps -%}
        case
        {%- for step in steps %}
            when {{ matches_funnel_step(step, action, object_type) }} then {{ step.step_number }}
        {%- endfor %}
            else 0
        end
    {%- else -%}
        0
    {%- endif -%}
{%- endmacro %}


{#- The deepest step that a valid order counts as; 0 for none. -#}
{% macro funnel_step_of_order() -%}
    {%- set steps = funnel_behaviours('order') -%}
    {{ steps[0].step_number if steps else 0 }}
{%- endmacro %}


{#- The behaviours in force of one kind, the deepest step first: mappings of step_number, action and object_type. -#}
{% macro funnel_behaviours(behaviour_code) %}
    {% if not execute %}
        {{ return([]) }}
    {% endif %}
    {% set query %}
        select
            step_number,
            action,
            object_type
        from ({{ funnel_steps_in_force() }}) as steps
        where behaviour_code = '{{ behaviour_code }}'
        order by
            step_number desc,
            action,
            object_type
    {% endset %}
    {% set behaviours = [] %}
    {% for row in run_query(query).rows %}
        {% do behaviours.append(row.dict()) %}
    {% endfor %}
    {{ return(behaviours) }}
{% endmacro %}


{#- Whether an action on an object is what a behaviour asks for; what it leaves empty matches everything. -#}
{% macro matches_funnel_step(step, action, object_type) -%}
    {%- set conditions = [] -%}
    {%- for column, wanted in ((action, step.action), (object_type, step.object_type)) if wanted is not none -%}
        {%- do conditions.append(column ~ ' = ' ~ dbt.string_literal(dbt.escape_single_quotes(wanted))) -%}
    {%- endfor -%}
    {{ conditions | join(' and ') if conditions else 'true' }}
{%- endmacro %}
