-- One row per line, layer (or all) and number of quiet days, up to the last day that enough customers support.
{{ config(post_hook='{{ analyze(this) }}') }}

with

rules as (

    {{ churn_limit_rules_in_force() }}

),

curves as (

    select
        curve_code,
        line_id,
        'all' as layer_code,
        quiet_days,
        at_risk_count,
        returned_count,
        survival_rate,
        return_rate
    from {{ ref('int_line_curves__estimated') }}

    union all

    select
        curves.curve_code,
        curves.line_id,
        curves.layer_code,
        curves.quiet_days,
        curves.at_risk_count,
        curves.returned_count,
        curves.survival_rate,
        windows.return_rate
    from {{ ref('int_layer_curves__estimated') }} as curves
    left join {{ ref('int_layer_windows__estimated') }} as windows
        on
            curves.curve_code = windows.curve_code
            and curves.line_id = windows.line_id
            and curves.layer_code = windows.layer_code
            and curves.quiet_days = windows.quiet_days

),

last_days as (

    select
        curves.line_id,
        curves.layer_code,
        max(curves.quiet_days) as last_quiet_days
    from curves
    cross join rules
    where
        curves.curve_code = 'observed'
        and (curves.at_risk_count >= rules.min_at_risk_count or curves.returned_count > 0)
    group by
        curves.line_id,
        curves.layer_code

),

final as (

    select
        curves.line_id,
        curves.layer_code,
        curves.quiet_days,
        max(case when curves.curve_code = 'observed' then curves.at_risk_count end) as at_risk_count,
        max(case when curves.curve_code = 'observed' then curves.returned_count end) as returned_count,
        max(case when curves.curve_code = 'observed' then curves.survival_rate end) as survival_rate,
        max(case when curves.curve_code = 'observed' then curves.return_rate end) as return_rate,
        max(case when curves.curve_code = 'untouched' then curves.at_risk_count end) as untouched_at_risk_count,
        max(case when curves.curve_code = 'untouched' then curves.returned_count end) as untouched_returned_count,
        max(case when curves.curve_code = 'untouched' then curves.survival_rate end) as untouched_survival_rate,
        max(case when curves.curve_code = 'untouched' then curves.return_rate end) as untouched_return_rate
    from curves
    inner join last_days
        on
            curves.line_id = last_days.line_id
            and curves.layer_code = last_days.layer_code
            and curves.quiet_days <= last_days.last_quiet_days
    group by
        curves.line_id,
        curves.layer_code,
        curves.quiet_days

)

select
    {{ as_of_date() }} as fitted_date,
    final.line_id,
    final.layer_code,
    final.quiet_days,
    rules.horizon_days,
    cast(final.at_risk_count as integer) as at_risk_count,
    cast(final.returned_count as integer) as returned_count,
    final.survival_rate,
    final.return_rate,
    cast(coalesce(final.untouched_at_risk_count, 0) as integer) as untouched_at_risk_count,
    cast(coalesce(final.untouched_returned_count, 0) as integer) as untouched_returned_count,
    final.untouched_survival_rate,
    final.untouched_return_rate
from final
cross join rules
