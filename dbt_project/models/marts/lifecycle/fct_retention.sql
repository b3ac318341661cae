-- One row per cohort type, line, cohort day, acquisition channel and number of days that have passed since: who was
-- active on exactly that day. A view that ages with the as-of date.
{{ config(materialized='stable_view') }}

with

counts as (

    select
        cohort_type,
        line_id,
        cohort_date,
        acquisition_channel,
        day_number,
        user_count
    from {{ ref('int_retention_counts') }}

),

retention_days as (

    select day_number
    from {{ ref('int_retention_days') }}

),

published as (

    select as_of_date
    from {{ source('control', 'published') }}

),

-- A cohort's row is there if and only if its day has come.
mature_cohorts as (

    select
        counts.cohort_type,
        counts.line_id,
        counts.cohort_date,
        counts.acquisition_channel,
        retention_days.day_number,
        counts.user_count as cohort_count
    from counts
    cross join retention_days
    cross join published
    where
        counts.day_number = 0
        and {{ add_days('counts.cohort_date', 'retention_days.day_number') }} <= published.as_of_date

),

final as (

    select
        mature_cohorts.cohort_type,
        mature_cohorts.line_id,
        mature_cohorts.cohort_date,
        mature_cohorts.acquisition_channel,
        mature_cohorts.day_number,
        mature_cohorts.cohort_count,
        coalesce(counts.user_count, 0) as retained_count
    from mature_cohorts
    left join counts
        on
            mature_cohorts.cohort_type = counts.cohort_type
            and mature_cohorts.line_id = counts.line_id
            and mature_cohorts.cohort_date = counts.cohort_date
            and mature_cohorts.acquisition_channel = counts.acquisition_channel
            and mature_cohorts.day_number = counts.day_number

)

select
    cohort_type,
    line_id,
    cohort_date,
    acquisition_channel,
    day_number,
    cohort_count,
    retained_count,
    round(cast(retained_count as {{ numeric_type() }}) / cohort_count, 6) as retention_rate
from final
