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


{#-
    The metrics whose values are cut at a limit, or those that are not. A limit is that of a whole campaign and may move
    every night; the others of a person stand once its window has ended.
-#}
{% macro metrics_by_limit(is_limited) %}
    {% set metrics = {} %}
    {% for metric_code, metric in effect_metrics().items() if metric_code.endswith('_winsorised') == is_limited %}
        {% do metrics.update({metric_code: metric}) %}
    {% endfor %}
    {{ return(metrics) }}
{% endmacro %}


{#- Each metric's value of a person, under the metric's code. -#}
{% macro metric_values(is_limited) -%}
    {%- for metric_code, metric in metrics_by_limit(is_limited).items() -%}
        cast({{ metric.value }} as {{ numeric_type() }}) as {{ metric_code }}
        {%- if not loop.last %},
        {% endif -%}
    {%- endfor -%}
{%- endmacro %}


{#- The sums of each metric over persons: the metric's code, two underscores, and what is summed. -#}
{% macro metric_sums(is_limited) -%}
    {{ each_of(
        metrics_by_limit(is_limited),
        'count($) as $__events,
        coalesce(sum($), 0) as $__total,
        coalesce(sum($ * $), 0) as $__square_total,
        coalesce(sum($ * x1), 0) as $__x1_total,
        coalesce(sum($ * x2), 0) as $__x2_total'
    ) }}
{%- endmacro %}


{#- What tells one cell of persons from another, its assignment day aside. -#}
{% macro cell_keys() %}
    {{ return([
        'campaign_id', 'comparison_code', 'arm_code', 'is_control', 'window_days', 'is_campaign_window', 'layer_code',
        'reason_code', 'is_aimed', 'is_matured',
    ]) }}
{% endmacro %}


{#- The columns of a cell's sums, by name: those of all persons, of their covariates and costs, and of each metric. -#}
{% macro cell_sums(is_limited=false) %}
    {% set names = [] %}
    {% if not is_limited %}
        {% do names.extend([
            'user_count', 'x1_total', 'x2_total', 'x1_x1_total', 'x1_x2_total', 'x2_x2_total', 'cost_total',
            'cost_square_total', 'contribution_cost_total', 'unknown_cost_count',
        ]) %}
    {% endif %}
    {% for metric_code in metrics_by_limit(is_limited) %}
        {% for part in ['events', 'total', 'square_total', 'x1_total', 'x2_total'] %}
            {% do names.append(metric_code ~ '__' ~ part) %}
        {% endfor %}
    {% endfor %}
    {{ return(names) }}
{% endmacro %}


{#- The sums of cells as they are kept: whole numbers, and amounts without zeros at the end of their decimals. -#}
{% macro exact_sums(names) -%}
    {%- for name in names -%}
        {%- if name.endswith('_count') or name.endswith('__events') -%}
            cast({{ name }} as integer) as {{ name }}
        {%- else -%}
            {{ plain_amount(name) }} as {{ name }}
        {%- endif -%}
        {%- if not loop.last %},
        {% endif -%}
    {%- endfor -%}
{%- endmacro %}


{#-
    The columns of a cell that a person belongs to. All who were left out on purpose are one control, whatever their arm
    was called; what is not known of an episode is an empty text, as a key must be something.
-#}
{% macro cell_of_person() -%}
    recalled_users.campaign_id,
    recalled_users.comparison_code,
    case when recalled_users.is_control then 'control' else recalled_users.arm_code end as arm_code,
    recalled_users.is_control,
    recalled_users.window_days,
    recalled_users.is_campaign_window,
    coalesce(recalled_users.layer_code, '') as layer_code,
    coalesce(recalled_users.reason_code, '') as reason_code,
    (recalled_users.line_id is not null) as is_aimed,
    recalled_users.is_matured
{%- endmacro %}


{#-
    The cells of persons by assignment day: a select.

    Args:
        persons: Rows of out_recalled_users, as a relation to select from.
-#}
{% macro cells_of_persons(persons) -%}
    select
        {{ each_of(cell_keys()) }},
        assigned_date,
        cast(count(*) as integer) as user_count,
        coalesce(sum(x1), 0) as x1_total,
        coalesce(sum(x2), 0) as x2_total,
        coalesce(sum(x1 * x1), 0) as x1_x1_total,
        coalesce(sum(x1 * x2), 0) as x1_x2_total,
        coalesce(sum(x2 * x2), 0) as x2_x2_total,
        coalesce(sum(cost_amount), 0) as cost_total,
        coalesce(sum(cost_amount * cost_amount), 0) as cost_square_total,
        coalesce(sum(contribution_amount * cost_amount), 0) as contribution_cost_total,
        cast(sum(unknown_cost_count) as integer) as unknown_cost_count,
        {{ metric_sums(is_limited=false) }}
    -- A person who did nothing is null in every value, and a sum passes over it.
    from (
        select
            {{ cell_of_person() }},
            recalled_users.assigned_date,
            nullif(cast(recalled_users.earlier_order_count as {{ numeric_type() }}), 0) as x1,
            nullif(recalled_users.earlier_net_amount, 0) as x2,
            recalled_users.cost_amount,
            recalled_users.unknown_cost_count,
            {{ metric_values(is_limited=false) }}
        from {{ persons }} as recalled_users
    ) as person_values
    group by
        {{ each_of(cell_keys()) }},
        assigned_date
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
