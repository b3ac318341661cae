-- One row per line, layer, curve and number of quiet days: the chance to return within the horizon from there on,
-- whatever layer the days after are spent in: Kaplan-Meier over the horizon, among those in the layer on that day.
with

rules as (

    {{ churn_limit_rules_in_force() }}

),

stays as (

    select
        curve_code,
        line_id,
        layer_code,
        from_days,
        to_days,
        end_days,
        is_returned,
        stay_count
    from {{ ref('int_layer_stays__cut') }}

),

-- Who is quiet for another day is at risk on it.
starts as (

    select
        curve_code,
        line_id,
        layer_code,
        quiet_days - 1 as quiet_days,
        at_risk_count as start_count
    from {{ ref('int_layer_curves__estimated') }}

),

-- Gaps that end within the horizon, seen from each of the days before.
ends as (

    select
        stays.curve_code,
        stays.line_id,
        stays.layer_code,
        stays.end_days - steps.series_number as quiet_days,
        steps.series_number as step_days,
        sum(stays.stay_count) as ended_count,
        sum(case when stays.is_returned then stays.stay_count else 0 end) as returned_count
    from stays
    cross join {{ number_series(1, '(select rules.horizon_days from rules)') }} as steps
    where
        stays.end_days - steps.series_number >= stays.from_days
        and stays.end_days - steps.series_number < stays.to_days
    group by
        stays.curve_code,
        stays.line_id,
        stays.layer_code,
        stays.end_days - steps.series_number,
        steps.series_number

),

steps as (

    select
        ends.curve_code,
        ends.line_id,
        ends.layer_code,
        ends.quiet_days,
        ends.step_days,
        ends.ended_count,
        ends.returned_count,
        starts.start_count - coalesce(sum(ends.ended_count) over (
            partition by ends.curve_code, ends.line_id, ends.layer_code, ends.quiet_days
            order by ends.step_days
            rows between unbounded preceding and 1 preceding
        ), 0) as at_risk_count
    from ends
    inner join starts
        on
            ends.curve_code = starts.curve_code
            and ends.line_id = starts.line_id
            and ends.layer_code = starts.layer_code
            and ends.quiet_days = starts.quiet_days

),

survived_steps as (

    select
        curve_code,
        line_id,
        layer_code,
        quiet_days,
        step_days,
        ended_count,
        {{ survival_rate(
            'returned_count', 'at_risk_count',
            'partition by curve_code, line_id, layer_code, quiet_days order by step_days'
        ) }} as survival_rate
    from steps

),

windows as (

    select
        survived_steps.curve_code,
        survived_steps.line_id,
        survived_steps.layer_code,
        survived_steps.quiet_days,
        sum(
            case when survived_steps.step_days < rules.horizon_days then survived_steps.ended_count else 0 end
        ) as ended_count,
        min(survived_steps.survival_rate) as survival_rate
    from survived_steps
    cross join rules
    group by
        survived_steps.curve_code,
        survived_steps.line_id,
        survived_steps.layer_code,
        survived_steps.quiet_days

),

-- Nobody watched for the whole horizon: unknown, unless all had returned.
final as (

    select
        starts.curve_code,
        starts.line_id,
        starts.layer_code,
        starts.quiet_days,
        case
            when windows.survival_rate = 0 then 1
            when coalesce(windows.ended_count, 0) < starts.start_count then 1 - coalesce(windows.survival_rate, 1)
        end as return_rate
    from starts
    left join windows
        on
            starts.curve_code = windows.curve_code
            and starts.line_id = windows.line_id
            and starts.layer_code = windows.layer_code
            and starts.quiet_days = windows.quiet_days
    where starts.start_count > 0

)

select
    curve_code,
    line_id,
    layer_code,
    quiet_days,
    round(return_rate, 10) as return_rate
from final
