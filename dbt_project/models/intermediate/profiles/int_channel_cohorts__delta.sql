-- One row per acquisition channel and registration day as known tonight: yesterday's, with the changed users'
-- difference.
{{ config(post_hook='{{ analyze(this) }}') }}

with

contributions as (

    select
        acquisition_channel,
        acquired_date,
        1 as user_count,
        case when is_retained then 1 else 0 end as retained_count
    from {{ ref('int_acquired_users__delta') }}

    union all

    select
        acquired_users.acquisition_channel,
        acquired_users.acquired_date,
        -1 as user_count,
        case when acquired_users.is_retained then -1 else 0 end as retained_count
    from {{ yesterday('int_acquired_users') }} as acquired_users
    inner join {{ ref('int_users__changed') }} as changed_users
        on acquired_users.user_id = changed_users.user_id

    union all

    select
        cohorts.acquisition_channel,
        cohorts.acquired_date,
        cohorts.user_count,
        cohorts.retained_count
    from {{ yesterday('int_channel_cohorts') }} as cohorts

)

select
    acquisition_channel,
    acquired_date,
    cast(sum(user_count) as integer) as user_count,
    cast(sum(retained_count) as integer) as retained_count
from contributions
group by
    acquisition_channel,
    acquired_date
having sum(user_count) > 0
