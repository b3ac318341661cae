-- Whoever is active is new, retained or resurrected; whoever was active the month before is retained or lost; nobody is
-- counted below zero; and every month from the first to D's is there.
with

transitions as (

    select
        line_id,
        month,
        active_count,
        new_count,
        retained_count,
        resurrected_count,
        lost_count,
        lag(month) over (partition by line_id order by month) as month_before,
        lag(active_count) over (partition by line_id order by month) as active_before_count
    from {{ ref('int_lifecycle_transitions__delta') }}

)

select
    line_id,
    month,
    active_count,
    new_count,
    retained_count,
    resurrected_count,
    lost_count,
    month_before,
    active_before_count
from transitions
where
    active_count <> new_count + retained_count + resurrected_count
    or lost_count <> coalesce(active_before_count, 0) - retained_count
    or least(new_count, retained_count, resurrected_count, lost_count) < 0
    or month_before <> {{ previous_month('month') }}
