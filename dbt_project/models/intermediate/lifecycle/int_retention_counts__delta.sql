-- One row per cohort and day after it, day 0 being all of its members: yesterday's counts, less what the changed users
-- had brought to them, plus what they bring tonight.
{{ config(post_hook='{{ analyze(this) }}') }}

with

members as (

    select
        cohort_type,
        line_id,
        cohort_date,
        acquisition_channel,
        weight
    from {{ ref('int_cohort_members__changed') }}
    where cohort_type <> 'first_order'

),

member_days as (

    select
        cohort_type,
        line_id,
        cohort_date,
        acquisition_channel,
        weight,
        day_number
    from {{ ref('int_cohort_days__changed') }}
    where
        cohort_type <> 'first_order'
        and is_key_day

),

retention_days as (

    select day_number
    from {{ ref('int_retention_days__delta') }}

),

changes as (

    select
        cohort_type,
        line_id,
        cohort_date,
        acquisition_channel,
        0 as day_number,
        sum(weight) as user_count
    from members
    group by
        cohort_type,
        line_id,
        cohort_date,
        acquisition_channel

    union all

    select
        member_days.cohort_type,
        member_days.line_id,
        member_days.cohort_date,
        member_days.acquisition_channel,
        member_days.day_number,
        sum(member_days.weight) as user_count
    from member_days
    inner join retention_days
        on member_days.day_number = retention_days.day_number
    group by
        member_days.cohort_type,
        member_days.line_id,
        member_days.cohort_date,
        member_days.acquisition_channel,
        member_days.day_number

    union all

    select
        counts.cohort_type,
        counts.line_id,
        counts.cohort_date,
        counts.acquisition_channel,
        counts.day_number,
        counts.user_count
    from {{ yesterday('int_retention_counts') }} as counts

)

select
    cohort_type,
    line_id,
    cohort_date,
    acquisition_channel,
    day_number,
    cast(sum(user_count) as integer) as user_count
from changes
group by
    cohort_type,
    line_id,
    cohort_date,
    acquisition_channel,
    day_number
having sum(user_count) <> 0
