-- One row per line with a gap between key days: how many, and how long those are that have ended.
with

gaps as (

    select
        line_id,
        quiet_days,
        sum(case when is_returned then gap_count else 0 end) as closed_count,
        sum(case when is_returned then 0 else gap_count end) as open_count
    from {{ ref('int_quiet_gaps__counted') }}
    group by
        line_id,
        quiet_days

),

ranked_gaps as (

    select
        line_id,
        quiet_days,
        closed_count,
        open_count,
        sum(closed_count) over (partition by line_id order by quiet_days) as running_count,
        sum(closed_count) over (partition by line_id) as total_count
    from gaps

)

-- The shortest gap that the share of all do not exceed.
select
    line_id,
    min(case when closed_count > 0 and running_count >= 0.4 * total_count then quiet_days end) as gap_p40_days,
    min(case when closed_count > 0 and running_count >= 0.8 * total_count then quiet_days end) as gap_p80_days,
    sum(closed_count) as gap_count,
    sum(open_count) as open_gap_count
from ranked_gaps
group by line_id
