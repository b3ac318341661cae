-- One row per line, layer, curve and number of quiet days: who was in the layer the day before, and returned.
{{ config(post_hook='{{ analyze(this) }}') }}

with

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

-- In the layer on the quiet days from_days to to_days - 1, so at risk on each of the days after those.
moves as (

    select
        curve_code,
        line_id,
        layer_code,
        from_days + 1 as quiet_days,
        stay_count as at_risk_change,
        0 as returned_count
    from stays

    union all

    select
        curve_code,
        line_id,
        layer_code,
        to_days + 1 as quiet_days,
        -stay_count as at_risk_change,
        0 as returned_count
    from stays

    union all

    select
        curve_code,
        line_id,
        layer_code,
        end_days as quiet_days,
        0 as at_risk_change,
        stay_count as returned_count
    from stays
    where
        is_returned
        and to_days = end_days

),

summed_moves as (

    select
        curve_code,
        line_id,
        layer_code,
        quiet_days,
        sum(at_risk_change) as at_risk_change,
        sum(returned_count) as returned_count
    from moves
    group by
        curve_code,
        line_id,
        layer_code,
        quiet_days

),

curves as (

    select
        curve_code,
        line_id,
        layer_code,
        min(quiet_days) - 1 as first_quiet_days,
        max(quiet_days) - 1 as last_quiet_days
    from summed_moves
    group by
        curve_code,
        line_id,
        layer_code

),

quiet_days as (

    select
        curves.curve_code,
        curves.line_id,
        curves.layer_code,
        days.series_number as quiet_days
    from curves
    cross join {{ number_series(0, '(select max(curves.last_quiet_days) from curves)') }} as days
    where
        curves.first_quiet_days <= days.series_number
        and curves.last_quiet_days >= days.series_number

),

counted_days as (

    select
        quiet_days.curve_code,
        quiet_days.line_id,
        quiet_days.layer_code,
        quiet_days.quiet_days,
        coalesce(sum(moves.at_risk_change) over (
            partition by quiet_days.curve_code, quiet_days.line_id, quiet_days.layer_code
            order by quiet_days.quiet_days
            rows between unbounded preceding and current row
        ), 0) as at_risk_count,
        coalesce(moves.returned_count, 0) as returned_count
    from quiet_days
    left join summed_moves as moves
        on
            quiet_days.curve_code = moves.curve_code
            and quiet_days.line_id = moves.line_id
            and quiet_days.layer_code = moves.layer_code
            and quiet_days.quiet_days = moves.quiet_days

),

final as (

    select
        curve_code,
        line_id,
        layer_code,
        quiet_days,
        at_risk_count,
        returned_count,
        {{ survival_rate(
            'returned_count', 'at_risk_count', 'partition by curve_code, line_id, layer_code order by quiet_days'
        ) }} as survival_rate
    from counted_days

)

select
    curve_code,
    line_id,
    layer_code,
    quiet_days,
    at_risk_count,
    returned_count,
    round(survival_rate, 10) as survival_rate
from final
