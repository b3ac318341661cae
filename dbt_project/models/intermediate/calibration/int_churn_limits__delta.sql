-- One row per line in force: the limit that the data suggest beside the one in force.
with

rules as (

    {{ churn_limit_rules_in_force() }}

),

lines as (

    select
        line_id,
        lapse_days
    from {{ ref('dim_lines') }}
    where not is_reserved

),

gaps as (

    select
        line_id,
        gap_p40_days,
        gap_p80_days,
        gap_count,
        open_gap_count
    from {{ ref('int_gap_percentiles__counted') }}

),

supported_days as (

    select
        curves.line_id,
        curves.quiet_days,
        curves.survival_rate,
        curves.return_rate,
        max(curves.quiet_days) over (partition by curves.line_id) as last_quiet_days,
        -- The curve never rises.
        min(curves.survival_rate) over (partition by curves.line_id) as last_survival_rate
    from {{ ref('int_line_curves__estimated') }} as curves
    cross join rules
    where
        curves.curve_code = 'observed'
        and curves.at_risk_count >= rules.min_at_risk_count

),

suggestions as (

    select
        days.line_id,
        max(days.last_quiet_days) as last_quiet_days,
        min(
            case when days.quiet_days >= 1 and days.return_rate <= rules.max_return_rate then days.quiet_days end
        ) as lapse_days_suggested
    from supported_days as days
    cross join rules
    group by days.line_id

),

depths as (

    select
        line_id,
        quiet_days,
        {{ depth_below_chord('quiet_days', 'survival_rate', 'last_quiet_days', 'last_survival_rate') }} as depth
    from supported_days
    where last_quiet_days > 0

),

gates as (

    select
        line_id,
        model_code,
        reason_code
    from {{ ref('int_survival_gates__judged') }}

),

survival_fits as (

    select
        line_id,
        r,
        alpha_days,
        a,
        b,
        log_likelihood
    from {{ source('control', 'survival_fits') }}
    where fitted_date = {{ as_of_date() }}

),

ranked_depths as (

    select
        line_id,
        quiet_days,
        row_number() over (partition by line_id order by depth desc, quiet_days) as depth_number
    from depths
    where depth > 0

)

select
    {{ as_of_date() }} as fitted_date,
    lines.line_id,
    lines.lapse_days as lapse_days_in_force,
    suggestions.lapse_days_suggested,
    ranked_depths.quiet_days as elbow_days,
    gaps.gap_p40_days,
    gaps.gap_p80_days,
    cast(coalesce(gaps.gap_count, 0) as integer) as gap_count,
    cast(coalesce(gaps.open_gap_count, 0) as integer) as open_gap_count,
    suggestions.last_quiet_days as supported_days,
    rules.horizon_days,
    rules.max_return_rate,
    rules.min_at_risk_count,
    {{ is_drifting_limit('lines.lapse_days', 'suggestions.lapse_days_suggested', 'rules.max_drift_rate') }}
        as is_drifting,
    gates.model_code as survival_model_code,
    coalesce(
        gates.reason_code, case when survival_fits.line_id is null then 'no_fit_found' end
    ) as survival_reason_code,
    cast(survival_fits.r as {{ numeric_type() }}) as survival_r,
    cast(survival_fits.alpha_days as {{ numeric_type() }}) as survival_alpha_days,
    cast(survival_fits.a as {{ numeric_type() }}) as survival_a,
    cast(survival_fits.b as {{ numeric_type() }}) as survival_b,
    cast(survival_fits.log_likelihood as {{ numeric_type() }}) as survival_log_likelihood
from lines
cross join rules
left join gaps
    on lines.line_id = gaps.line_id
left join suggestions
    on lines.line_id = suggestions.line_id
left join ranked_depths
    on
        lines.line_id = ranked_depths.line_id
        and ranked_depths.depth_number = 1
left join gates
    on lines.line_id = gates.line_id
left join survival_fits
    on
        lines.line_id = survival_fits.line_id
        and gates.reason_code is null
