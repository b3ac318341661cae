-- One row per campaign, treated arm, segment, window and metric: means and their variances after what orders and money
-- of the time before explain (CUPED), stratum by stratum, weighted by the share of users in each.
{{ config(materialized='table') }}

{%- set keys = effect_keys() %}

with

strata as (

    select
        {{ each_of(keys) }},
        stratum_code,
        t_user_count,
        t_y_total / t_user_count as t_y_mean,
        t_x1_total / t_user_count as t_x1_mean,
        t_x2_total / t_user_count as t_x2_mean,
        {{ centred_product('t_user_count', 't_x1_total', 't_x1_total', 't_x1_x1_total') }} as t_x1_x1,
        {{ centred_product('t_user_count', 't_x1_total', 't_x2_total', 't_x1_x2_total') }} as t_x1_x2,
        {{ centred_product('t_user_count', 't_x2_total', 't_x2_total', 't_x2_x2_total') }} as t_x2_x2,
        {{ centred_product('t_user_count', 't_y_total', 't_x1_total', 't_y_x1_total') }} as t_y_x1,
        {{ centred_product('t_user_count', 't_y_total', 't_x2_total', 't_y_x2_total') }} as t_y_x2,
        {{ centred_product('t_user_count', 't_y_total', 't_y_total', 't_y_square_total') }} as t_y_y,
        c_user_count,
        c_y_total / c_user_count as c_y_mean,
        c_x1_total / c_user_count as c_x1_mean,
        c_x2_total / c_user_count as c_x2_mean,
        {{ centred_product('c_user_count', 'c_x1_total', 'c_x1_total', 'c_x1_x1_total') }} as c_x1_x1,
        {{ centred_product('c_user_count', 'c_x1_total', 'c_x2_total', 'c_x1_x2_total') }} as c_x1_x2,
        {{ centred_product('c_user_count', 'c_x2_total', 'c_x2_total', 'c_x2_x2_total') }} as c_x2_x2,
        {{ centred_product('c_user_count', 'c_y_total', 'c_x1_total', 'c_y_x1_total') }} as c_y_x1,
        {{ centred_product('c_user_count', 'c_y_total', 'c_x2_total', 'c_y_x2_total') }} as c_y_x2,
        {{ centred_product('c_user_count', 'c_y_total', 'c_y_total', 'c_y_square_total') }} as c_y_y,
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
        {{ each_of(keys) }},
        cast(t_user_count + c_user_count as {{ numeric_type() }}) / sum(t_user_count + c_user_count) over (
            partition by
                {{ each_of(keys) }}
        ) as weight,
        t_user_count,
        t_y_mean - x1_slope * (t_x1_mean - x1_mean) - x2_slope * (t_x2_mean - x2_mean) as t_mean,
        greatest(
            t_y_y - 2 * (x1_slope * t_y_x1 + x2_slope * t_y_x2)
            + x1_slope * x1_slope * t_x1_x1 + 2 * x1_slope * x2_slope * t_x1_x2 + x2_slope * x2_slope * t_x2_x2,
            0
        ) / nullif((t_user_count - 1) * t_user_count, 0) as t_mean_variance,
        c_user_count,
        c_y_mean - x1_slope * (c_x1_mean - x1_mean) - x2_slope * (c_x2_mean - x2_mean) as c_mean,
        greatest(
            c_y_y - 2 * (x1_slope * c_y_x1 + x2_slope * c_y_x2)
            + x1_slope * x1_slope * c_x1_x1 + 2 * x1_slope * x2_slope * c_x1_x2 + x2_slope * x2_slope * c_x2_x2,
            0
        ) / nullif((c_user_count - 1) * c_user_count, 0) as c_mean_variance
    from fitted

)

select
    {{ each_of(keys) }},
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
    {{ each_of(keys) }}
