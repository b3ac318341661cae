-- One row per acquisition channel and month in which a lapse may ask for it: how its users stayed, known by its start.
-- Figures are rounded, so that one late row among thousands does not change what every lapsed user of a channel reads.
{{ config(post_hook='{{ analyze(this) }}') }}

with

cohorts as (

    select
        cohorts.acquisition_channel,
        {{ add_days('cohorts.acquired_date', '2 * windows.window_days') }} as known_date,
        cohorts.user_count,
        cohorts.retained_count
    from {{ ref('int_channel_cohorts__delta') }} as cohorts
    cross join ({{ signal_windows_in_force() }}) as windows
    where windows.signal_code = 'channel_retention_ratio'

),

months as (

    select days.calendar_date as month
    from (select min(known_date) as first_date from cohorts) as bounds
    cross join lateral {{ date_spine('bounds.first_date', as_of_date()) }} as days
    where days.calendar_date = {{ month_start('days.calendar_date') }}

),

channel_sums as (

    select
        months.month,
        cohorts.acquisition_channel,
        sum(cohorts.user_count) as user_count,
        sum(cohorts.retained_count) as retained_count
    from months
    inner join cohorts
        on months.month >= cohorts.known_date
    group by
        months.month,
        cohorts.acquisition_channel

),

rates as (

    select
        month,
        acquisition_channel,
        user_count,
        cast(retained_count as {{ numeric_type() }}) / user_count as retention_rate,
        sum(cast(retained_count as {{ numeric_type() }})) over (partition by month)
        / sum(user_count) over (partition by month) as all_retention_rate
    from channel_sums

),

final as (

    select
        month,
        acquisition_channel,
        cast({{ leading_digits('user_count') }} as integer) as user_count,
        round(retention_rate, 2) as retention_rate,
        round(all_retention_rate, 2) as all_retention_rate,
        case when all_retention_rate > 0 then round(retention_rate / all_retention_rate, 2) end as retention_ratio
    from rates

)

select
    month,
    acquisition_channel,
    user_count,
    retention_rate,
    all_retention_rate,
    retention_ratio
from final
