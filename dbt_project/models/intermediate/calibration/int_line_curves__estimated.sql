-- One row per line, curve (observed, or untouched by campaigns) and number of quiet days: Kaplan-Meier over all gaps.
{{ config(post_hook='{{ analyze(this) }}') }}

with

rules as (

    {{ churn_limit_rules_in_force() }}

),

gaps as (

    select
        line_id,
        quiet_days,
        is_returned,
        untouched_quiet_days,
        is_returned_untouched,
        gap_count
    from {{ ref('int_quiet_gaps__counted') }}

),

ends as (

    select
        'observed' as curve_code,
        line_id,
        quiet_days,
        sum(gap_count) as ended_count,
        sum(case when is_returned then gap_count else 0 end) as returned_count
    from gaps
    group by
        line_id,
        quiet_days

    union all

    select
        'untouched' as curve_code,
        line_id,
        untouched_quiet_days as quiet_days,
        sum(gap_count) as ended_count,
        sum(case when is_returned_untouched then gap_count else 0 end) as returned_count
    from gaps
    group by
        line_id,
        untouched_quiet_days

),

curves as (

    select
        curve_code,
        line_id,
        sum(ended_count) as gap_count,
        max(quiet_days) as last_quiet_days
    from ends
    group by
        curve_code,
        line_id

),

quiet_days as (

    select
        curves.curve_code,
        curves.line_id,
        curves.gap_count,
        days.series_number as quiet_days
    from curves
    cross join {{ number_series(0, '(select max(curves.last_quiet_days) from curves)') }} as days
    where curves.last_quiet_days >= days.series_number

),

-- At risk is whose gap has not ended before.
counted_days as (

    select
        quiet_days.curve_code,
        quiet_days.line_id,
        quiet_days.quiet_days,
        quiet_days.gap_count - coalesce(sum(ends.ended_count) over (
            partition by quiet_days.curve_code, quiet_days.line_id
            order by quiet_days.quiet_days
            rows between unbounded preceding and 1 preceding
        ), 0) as at_risk_count,
        coalesce(ends.returned_count, 0) as returned_count
    from quiet_days
    left join ends
        on
            quiet_days.curve_code = ends.curve_code
            and quiet_days.line_id = ends.line_id
            and quiet_days.quiet_days = ends.quiet_days

),

survived_days as (

    select
        curve_code,
        line_id,
        quiet_days,
        at_risk_count,
        returned_count,
        {{ survival_rate(
            'returned_count', 'at_risk_count', 'partition by curve_code, line_id order by quiet_days'
        ) }} as survival_rate
    from counted_days

),

-- Nobody has been watched for longer than the last day; only if all had returned by then is the rest known.
final as (

    select
        days.curve_code,
        days.line_id,
        days.quiet_days,
        rules.horizon_days,
        days.at_risk_count,
        days.returned_count,
        days.survival_rate,
        case
            when days.survival_rate = 0 then cast(null as {{ numeric_type() }})
            when later_days.survival_rate is not null then 1 - later_days.survival_rate / days.survival_rate
            when last_days.survival_rate = 0 then 1
        end as return_rate
    from survived_days as days
    cross join rules
    inner join curves
        on
            days.curve_code = curves.curve_code
            and days.line_id = curves.line_id
    inner join survived_days as last_days
        on
            curves.curve_code = last_days.curve_code
            and curves.line_id = last_days.line_id
            and curves.last_quiet_days = last_days.quiet_days
    left join survived_days as later_days
        on
            days.curve_code = later_days.curve_code
            and days.line_id = later_days.line_id
            and days.quiet_days + rules.horizon_days = later_days.quiet_days

)

select
    curve_code,
    line_id,
    quiet_days,
    horizon_days,
    at_risk_count,
    returned_count,
    round(survival_rate, 10) as survival_rate,
    round(return_rate, 10) as return_rate
from final
