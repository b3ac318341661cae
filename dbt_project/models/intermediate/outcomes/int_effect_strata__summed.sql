-- One row per campaign, arm, segment, window, metric and stratum: the sums of the matured, and how many are not yet.
-- Strata are the layers; whoever had no open episode is in a stratum of their own.
{{ config(materialized='table') }}

{%- set metrics = effect_metrics() %}
{%- set keys = ['campaign_id', 'comparison_code', 'arm_code', 'is_control', 'window_days'] %}
{%- set segments = {'all': "'all'", 'layer': 'layer_code', 'reason': 'reason_code'} %}
{%- set sums = ['x1_total', 'x2_total', 'x1_x1_total', 'x1_x2_total', 'x2_x2_total'] %}
{%- set metric_sums = ['total', 'square_total', 'x1_total', 'x2_total'] %}

with

cells as (

    select
        {% for key in keys %}
        {{ key }},
        {% endfor %}
        layer_code,
        reason_code,
        is_aimed,
        is_matured,
        user_count,
        {% for name in sums %}
        {{ name }},
        {% endfor %}
        {% for metric_code in metrics %}
        {% for name in metric_sums %}
        {{ metric_code }}__{{ name }},
        {% endfor %}
        {{ metric_code }}__events{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('int_effect_cells__summed') }}

),

-- Only somebody who had lapsed can return.
measured as (
    {% for metric_code, metric in metrics.items() %}
    select
        {% for key in keys %}
        {{ key }},
        {% endfor %}
        layer_code,
        reason_code,
        '{{ metric_code }}' as metric_code,
        {{ metric.is_money | lower }} as is_money,
        {{ metric.is_adjusted | lower }} as is_adjusted,
        case when is_matured then 0 else user_count end as immature_count,
        case when is_matured then user_count else 0 end as user_count,
        case when is_matured then {{ metric_code }}__events else 0 end as event_count,
        {% for name in sums %}
        case when is_matured then {{ name }} else 0 end as {{ name }},
        {% endfor %}
        {% for name in metric_sums %}
        case when is_matured then {{ metric_code }}__{{ name }} else 0 end as y_{{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from cells
    {% if metric_code == 'return_rate' %}
    where is_aimed
    {% endif %}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

segmented as (
    {% for segment_type, segment_code in segments.items() %}
    select
        '{{ segment_type }}' as segment_type,
        {{ segment_code }} as segment_code,
        coalesce(layer_code, '') as stratum_code,
        measured.*
    from measured
    {% if segment_type != 'all' %}
    where {{ segment_code }} is not null
    {% endif %}
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    {% for key in keys %}
    {{ key }},
    {% endfor %}
    segment_type,
    segment_code,
    metric_code,
    is_money,
    is_adjusted,
    stratum_code,
    sum(immature_count) as immature_count,
    sum(user_count) as user_count,
    sum(event_count) as event_count,
    {% for name in sums %}
    sum({{ name }}) as {{ name }},
    {% endfor %}
    {% for name in metric_sums %}
    sum(y_{{ name }}) as y_{{ name }}{{ ',' if not loop.last }}
    {% endfor %}
from segmented
group by
    {% for key in keys %}
    {{ key }},
    {% endfor %}
    segment_type,
    segment_code,
    metric_code,
    is_money,
    is_adjusted,
    stratum_code
