-- One row per curve (observed, or untouched by campaigns), line, layer, range of quiet days and end of the gap.
{{ config(materialized='ephemeral') }}

with

stays as (

    select
        line_id,
        layer_code,
        from_days,
        to_days,
        quiet_days,
        is_returned,
        untouched_quiet_days,
        is_returned_untouched,
        stay_count
    from {{ ref('int_layer_stays__counted') }}

),

both_curves as (

    select
        'observed' as curve_code,
        line_id,
        layer_code,
        from_days,
        to_days,
        quiet_days as end_days,
        is_returned,
        stay_count
    from stays

    union all

    select
        'untouched' as curve_code,
        line_id,
        layer_code,
        from_days,
        to_days,
        untouched_quiet_days as end_days,
        is_returned_untouched as is_returned,
        stay_count
    from stays

)

-- Who is quiet for the last day that is watched says nothing about the day after.
select
    curve_code,
    line_id,
    layer_code,
    from_days,
    case when to_days < end_days then to_days else end_days end as to_days,
    end_days,
    is_returned,
    sum(stay_count) as stay_count
from both_curves
where from_days < end_days
group by
    curve_code,
    line_id,
    layer_code,
    from_days,
    case when to_days < end_days then to_days else end_days end,
    end_days,
    is_returned
