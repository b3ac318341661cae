-- One row per line, layer and number of quiet days that enough customers support: the chance to return if left alone.
with

rules as (

    {{ churn_limit_rules_in_force() }}

),

layers as (

    {{ layers_in_force() }}

),

supported_days as (

    select
        curves.line_id,
        curves.layer_code,
        curves.quiet_days,
        curves.horizon_days,
        curves.untouched_at_risk_count as at_risk_count,
        curves.untouched_return_rate as return_rate
    from {{ ref('int_return_curves__delta') }} as curves
    cross join rules
    where
        curves.untouched_at_risk_count >= rules.min_at_risk_count
        and curves.untouched_return_rate is not null

),

line_days as (

    select
        line_id,
        quiet_days,
        horizon_days,
        at_risk_count,
        return_rate,
        max(quiet_days) over (partition by line_id) as last_quiet_days
    from supported_days
    where layer_code = 'all'

),

-- A layer speaks for itself where enough were in it; elsewhere its line does.
final as (

    select
        line_days.line_id,
        layers.layer_code,
        line_days.quiet_days,
        line_days.horizon_days,
        line_days.last_quiet_days,
        coalesce(layer_days.layer_code, 'all') as source_layer_code,
        coalesce(layer_days.at_risk_count, line_days.at_risk_count) as at_risk_count,
        coalesce(layer_days.return_rate, line_days.return_rate) as return_rate
    from line_days
    cross join layers
    left join supported_days as layer_days
        on
            line_days.line_id = layer_days.line_id
            and layers.layer_code = layer_days.layer_code
            and line_days.quiet_days = layer_days.quiet_days

)

select
    {{ as_of_date() }} as fitted_date,
    line_id,
    layer_code,
    quiet_days,
    horizon_days,
    last_quiet_days,
    source_layer_code,
    at_risk_count,
    {{ plain_amount('return_rate') }} as return_rate
from final
