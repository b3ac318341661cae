-- One row per day of the first order in any line and acquisition channel: yesterday's sums, less what the changed users
-- had brought to them, plus what they bring tonight.
{{ config(post_hook='{{ analyze(this) }}') }}

with

members as (

    select
        cohort_date,
        acquisition_channel,
        weight
    from {{ ref('int_cohort_members__changed') }}
    where cohort_type = 'first_order'

),

member_days as (

    select
        cohort_date,
        acquisition_channel,
        weight,
        day_number,
        contribution_amount
    from {{ ref('int_cohort_days__changed') }}
    where cohort_type = 'first_order'

),

longest_window as (

    select max(window_days) as window_days
    from ({{ outcome_windows_in_force() }}) as outcome_windows

),

changes as (

    select
        cohort_date,
        acquisition_channel,
        sum(weight) as new_count,
        0 as active_30d_count,
        cast(0 as {{ numeric_type() }}) as contribution_amount
    from members
    group by
        cohort_date,
        acquisition_channel

    union all

    select
        member_days.cohort_date,
        member_days.acquisition_channel,
        0 as new_count,
        sum(case when member_days.day_number = {{ balance_retention_day() }} then member_days.weight else 0 end)
            as active_30d_count,
        sum(
            case
                when member_days.day_number < longest_window.window_days
                    then member_days.weight * member_days.contribution_amount
                else 0
            end
        ) as contribution_amount
    from member_days
    cross join longest_window
    group by
        member_days.cohort_date,
        member_days.acquisition_channel

    union all

    select
        new_customers.cohort_date,
        new_customers.acquisition_channel,
        new_customers.new_count,
        new_customers.active_30d_count,
        new_customers.contribution_amount
    from {{ yesterday('int_new_customers') }} as new_customers

)

select
    cohort_date,
    acquisition_channel,
    cast(sum(new_count) as integer) as new_count,
    cast(sum(active_30d_count) as integer) as active_30d_count,
    {{ plain_amount('sum(contribution_amount)') }} as contribution_amount
from changes
group by
    cohort_date,
    acquisition_channel
having sum(new_count) <> 0
