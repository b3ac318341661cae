-- One row per line in force: the share of gaps that become a lapse, after a return and at all.
with

rules as (

    {{ worth_rules_in_force() }}

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
        quiet_days,
        is_returned,
        is_after_return,
        gap_count
    from {{ ref('int_quiet_gaps__counted') }}

),

ends as (

    select
        'all' as start_code,
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
        'after_return' as start_code,
        line_id,
        quiet_days,
        sum(gap_count) as ended_count,
        sum(case when is_returned then gap_count else 0 end) as returned_count
    from gaps
    where is_after_return
    group by
        line_id,
        quiet_days

),

-- At risk is whose gap has not ended before.
counted_days as (

    select
        start_code,
        line_id,
        quiet_days,
        ended_count,
        returned_count,
        sum(ended_count) over (
            partition by start_code, line_id
            order by quiet_days desc
            rows between unbounded preceding and current row
        ) as at_risk_count
    from ends

),

survived_days as (

    select
        start_code,
        line_id,
        quiet_days,
        ended_count,
        {{ survival_rate(
            'returned_count', 'at_risk_count', 'partition by start_code, line_id order by quiet_days'
        ) }} as survival_rate
    from counted_days

),

-- The curve never rises, so its value on the limit is the least one up to there.
measured_lines as (

    select
        lines.line_id,
        lines.lapse_days,
        coalesce(sum(case when days.start_code = 'all' then days.ended_count end), 0) as gap_count,
        coalesce(sum(case when days.start_code = 'after_return' then days.ended_count end), 0)
            as after_return_gap_count,
        min(
            case
                when days.start_code = 'all'
                    then case when days.quiet_days <= lines.lapse_days then days.survival_rate else 1 end
            end
        ) as lapse_rate,
        min(
            case
                when days.start_code = 'after_return'
                    then case when days.quiet_days <= lines.lapse_days then days.survival_rate else 1 end
            end
        ) as after_return_lapse_rate
    from lines
    left join survived_days as days
        on lines.line_id = days.line_id
    group by
        lines.line_id,
        lines.lapse_days

),

chosen as (

    select
        measured_lines.line_id,
        measured_lines.lapse_days,
        measured_lines.gap_count,
        measured_lines.after_return_gap_count,
        measured_lines.lapse_rate,
        measured_lines.after_return_lapse_rate,
        case
            when
                measured_lines.after_return_gap_count >= rules.min_gap_count
                and measured_lines.after_return_lapse_rate > 0
                then 'after_return'
            when measured_lines.gap_count >= rules.min_gap_count and measured_lines.lapse_rate > 0 then 'all'
        end as start_code
    from measured_lines
    cross join rules

)

select
    {{ as_of_date() }} as fitted_date,
    line_id,
    lapse_days,
    cast(gap_count as integer) as gap_count,
    {{ plain_amount('cast(round(lapse_rate, 10) as ' ~ numeric_type() ~ ')') }} as lapse_rate,
    cast(after_return_gap_count as integer) as after_return_gap_count,
    {{ plain_amount('cast(round(after_return_lapse_rate, 10) as ' ~ numeric_type() ~ ')') }} as after_return_lapse_rate,
    start_code,
    {{ plain_amount(
        "round(1 / case start_code when 'after_return' then after_return_lapse_rate when 'all' then lapse_rate end, 6)"
    ) }} as key_days_per_lifetime
from chosen
