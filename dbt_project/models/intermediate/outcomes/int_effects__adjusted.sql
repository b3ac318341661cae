-- One row per campaign, treated arm, segment, window and metric: means and their variances after what orders and money
-- of the time before explain (CUPED), stratum by stratum, weighted by the share of users in each.
{{ config(materialized='table') }}

{%- set keys = ['campaign_id', 'arm_code', 'segment_type', 'segment_code', 'window_days', 'metric_code'] %}
{%- set products = {
    'x1_x1': ('x1_total', 'x1_total', 'x1_x1_total'),
    'x1_x2': ('x1_total', 'x2_total', 'x1_x2_total'),
    'x2_x2': ('x2_total', 'x2_total', 'x2_x2_total'),
    'y_x1': ('y_total', 'x1_total', 'y_x1_total'),
    'y_x2': ('y_total', 'x2_total', 'y_x2_total'),
    'y_y': ('y_total', 'y_total', 'y_square_total'),
} %}

with

strata as (

    select
        {% for key in keys %}
        {{ key }},
        {% endfor %}
        stratum_code,
        {% for side in ['t', 'c'] %}
        {{ side }}_user_count,
        {{ side }}_y_total / {{ side }}_user_count as {{ side }}_y_mean,
        {{ side }}_x1_total / {{ side }}_user_count as {{ side }}_x1_mean,
        {{ side }}_x2_total / {{ side }}_user_count as {{ side }}_x2_mean,
        {% for name, (total, other_total, product_total) in products.items() %}
        {{ centred_product(
            side ~ '_user_count', side ~ '_' ~ total, side ~ '_' ~ other_total, side ~ '_' ~ product_total
        ) }} as {{ side }}_{{ name }},
        {% endfor %}
        {% endfor %}
        (t_x1_total + c_x1_total) / (t_user_count + c_user_count) as x1_mean,
        (t_x2_total + c_x2_total) / (t_user_count + c_user_count) as x2_mean
    from {{ ref('int_effect_strata__paired') }}
    where
        t_user_count > 0
        and c_user_count > 0

),

-- One slope per covariate and stratum for both sides, from how they vary within each side.
determined as (

    select
        strata.*,
        {{ determinant('t_x1_x1 + c_x1_x1', 't_x1_x2 + c_x1_x2', 't_x2_x2 + c_x2_x2') }} as determinant
    from strata

),

fitted as (

    select
        determined.*,
        {{ first_slope(
            't_y_x1 + c_y_x1', 't_y_x2 + c_y_x2', 't_x1_x1 + c_x1_x1', 't_x1_x2 + c_x1_x2', 't_x2_x2 + c_x2_x2',
            'determinant'
        ) }} as x1_slope,
        {{ second_slope(
            't_y_x1 + c_y_x1', 't_y_x2 + c_y_x2', 't_x1_x1 + c_x1_x1', 't_x1_x2 + c_x1_x2', 't_x2_x2 + c_x2_x2',
            'determinant'
        ) }} as x2_slope
    from determined

),

adjusted as (

    select
        {% for key in keys %}
        {{ key }},
        {% endfor %}
        cast(t_user_count + c_user_count as {{ numeric_type() }})
        / sum(t_user_count + c_user_count)
            over (partition by {% for key in keys %}{{ key }}{{ ', ' if not loop.last }}{% endfor %}) as weight,
        {% for side in ['t', 'c'] %}
        {{ side }}_user_count,
        {{ side }}_y_mean - x1_slope * ({{ side }}_x1_mean - x1_mean) - x2_slope * ({{ side }}_x2_mean - x2_mean)
            as {{ side }}_mean,
        greatest(
            {{ side }}_y_y - 2 * (x1_slope * {{ side }}_y_x1 + x2_slope * {{ side }}_y_x2)
            + x1_slope * x1_slope * {{ side }}_x1_x1 + 2 * x1_slope * x2_slope * {{ side }}_x1_x2
            + x2_slope * x2_slope * {{ side }}_x2_x2,
            0
        ) / nullif(({{ side }}_user_count - 1) * {{ side }}_user_count, 0) as {{ side }}_mean_variance
        {{- ',' if not loop.last }}
        {% endfor %}
    from fitted

)

select
    {% for key in keys %}
    {{ key }},
    {% endfor %}
    {{ plain_amount('sum(weight * t_mean)') }} as treated_mean,
    {{ plain_amount('sum(weight * c_mean)') }} as control_mean,
    {{ plain_amount('sum(weight * weight * t_mean_variance)') }} as treated_mean_variance,
    {{ plain_amount('sum(weight * weight * c_mean_variance)') }} as control_mean_variance,
    {{ plain_amount(
        'sum(' ~ welch_term('weight * weight * t_mean_variance', 't_user_count')
        ~ ' + ' ~ welch_term('weight * weight * c_mean_variance', 'c_user_count') ~ ')'
    ) }} as welch_term
from adjusted
group by
    {% for key in keys %}
    {{ key }}{{ ',' if not loop.last }}
    {% endfor %}
