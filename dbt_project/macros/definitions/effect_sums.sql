{#-
    Lists of columns that the models of effects have in common, one column a line.
-#}


{#- What tells one comparison from another. -#}
{% macro effect_keys() %}
    {{ return(['campaign_id', 'arm_code', 'segment_type', 'segment_code', 'window_days', 'metric_code']) }}
{% endmacro %}


{#- The sums that a mean, its variance and its adjustment need: of covariates x1 and x2, and of the metric y. -#}
{% macro effect_sums() %}
    {{ return([
        'x1_total', 'x2_total', 'x1_x1_total', 'x1_x2_total', 'x2_x2_total', 'y_total', 'y_square_total', 'y_x1_total',
        'y_x2_total',
    ]) }}
{% endmacro %}


{#-
    Lines that differ by a name, which a `$` in the pattern stands for.

    Args:
        names: The names.
        pattern: What is written of each.
        separator: What stands between two of them, before the end of the line.
-#}
{% macro each_of(names, pattern='$', separator=',') -%}
    {%- for name in names -%}
        {{ pattern | replace('$', name) }}
        {%- if not loop.last %}{{ separator }}
        {% endif -%}
    {%- endfor -%}
{%- endmacro %}


{#- Each metric's value of a person, under the metric's code. -#}
{% macro metric_values() -%}
    {%- for metric_code, metric in effect_metrics().items() -%}
        cast({{ metric.value }} as {{ numeric_type() }}) as {{ metric_code }}
        {%- if not loop.last %},
        {% endif -%}
    {%- endfor -%}
{%- endmacro %}


{#- The sums of each metric over persons: the metric's code, two underscores, and what is summed. -#}
{% macro metric_sums() -%}
    {{ each_of(
        effect_metrics(),
        'count($) as $__events,
        coalesce(sum($), 0) as $__total,
        coalesce(sum($ * $), 0) as $__square_total,
        coalesce(sum($ * x1), 0) as $__x1_total,
        coalesce(sum($ * x2), 0) as $__x2_total'
    ) }}
{%- endmacro %}


{#- The cells once per metric, the sums of those whose window has not ended as 0; only who had lapsed can return. -#}
{% macro cells_by_metric(keys, cells) -%}
    {%- for metric_code, metric in effect_metrics().items() %}
        select
            {{ each_of(keys) }},
            '{{ metric_code }}' as metric_code,
            {{ metric.is_money | lower }} as is_money,
            {{ metric.is_adjusted | lower }} as is_adjusted,
            case when is_matured then 0 else user_count end as immature_count,
            case when is_matured then user_count else 0 end as user_count,
            case when is_matured then {{ metric_code }}__events else 0 end as event_count,
            {{ each_of(
                ['x1_total', 'x2_total', 'x1_x1_total', 'x1_x2_total', 'x2_x2_total'],
                'case when is_matured then $ else 0 end as $'
            ) }},
            {{ each_of(
                ['total', 'square_total', 'x1_total', 'x2_total'],
                'case when is_matured then ' ~ metric_code ~ '__$ else 0 end as y_$'
            ) }}
        from {{ cells }}
        {%- if metric_code == 'return_rate' %}
        where is_aimed
        {%- endif %}
        {%- if not loop.last %}
        union all
        {%- endif %}
    {%- endfor %}
{%- endmacro %}
