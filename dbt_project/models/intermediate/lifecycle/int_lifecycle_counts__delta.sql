-- One row per line and month in which customers were active, or were lost: yesterday's counts, less what the changed
-- users had brought to them, plus what they bring tonight.
{{ config(post_hook='{{ analyze(this) }}') }}

with

user_months as (

    select
        line_id,
        weight,
        month,
        is_changed,
        is_new,
        is_retained,
        is_lost_after
    from {{ ref('int_user_months__changed') }}

),

changes as (

    select
        line_id,
        month,
        sum(weight) as active_count,
        sum(case when is_new then weight else 0 end) as new_count,
        sum(case when is_retained then weight else 0 end) as retained_count,
        sum(case when not is_new and not is_retained then weight else 0 end) as resurrected_count,
        0 as lost_count
    from user_months
    where is_changed
    group by
        line_id,
        month

    union all

    -- Whoever is not active in the next month is lost in it, also while it still lies ahead.
    select
        line_id,
        {{ next_month('month') }} as month,
        0 as active_count,
        0 as new_count,
        0 as retained_count,
        0 as resurrected_count,
        sum(weight) as lost_count
    from user_months
    where is_lost_after
    group by
        line_id,
        {{ next_month('month') }}

    union all

    select
        counts.line_id,
        counts.month,
        counts.active_count,
        counts.new_count,
        counts.retained_count,
        counts.resurrected_count,
        counts.lost_count
    from {{ yesterday('int_lifecycle_counts') }} as counts

)

select
    line_id,
    month,
    cast(sum(active_count) as integer) as active_count,
    cast(sum(new_count) as integer) as new_count,
    cast(sum(retained_count) as integer) as retained_count,
    cast(sum(resurrected_count) as integer) as resurrected_count,
    cast(sum(lost_count) as integer) as lost_count
from changes
group by
    line_id,
    month
having
    sum(active_count) <> 0
    or sum(lost_count) <> 0
