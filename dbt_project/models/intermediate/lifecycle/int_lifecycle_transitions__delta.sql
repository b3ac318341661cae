-- One row per line and month from the first key day's to D's: how many customers came, stayed, came back and went.
{{ config(post_hook='{{ analyze(this) }}') }}

with

counts as (

    select
        line_id,
        month,
        active_count,
        new_count,
        retained_count,
        resurrected_count,
        lost_count
    from {{ ref('int_lifecycle_counts__delta') }}

),

lines as (

    select
        line_id,
        min(month) as first_month
    from counts
    where active_count > 0
    group by line_id

),

months as (

    select
        lines.line_id,
        days.calendar_date as month
    from lines
    cross join lateral {{ date_spine('lines.first_month', as_of_date()) }} as days
    where days.calendar_date = {{ month_start('days.calendar_date') }}

),

final as (

    select
        months.line_id,
        months.month,
        ({{ next_month('months.month') }} <= {{ add_days(as_of_date(), 1) }}) as is_complete,
        coalesce(counts.active_count, 0) as active_count,
        coalesce(counts.new_count, 0) as new_count,
        coalesce(counts.retained_count, 0) as retained_count,
        coalesce(counts.resurrected_count, 0) as resurrected_count,
        coalesce(counts.lost_count, 0) as lost_count
    from months
    left join counts
        on
            months.line_id = counts.line_id
            and months.month = counts.month

)

select
    line_id,
    month,
    is_complete,
    active_count,
    new_count,
    retained_count,
    resurrected_count,
    lost_count
from final
