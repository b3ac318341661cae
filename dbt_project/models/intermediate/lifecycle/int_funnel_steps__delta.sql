-- One row per line, day on which anybody did a step, and step: yesterday's counts, less what the changed users had
-- brought to them, plus what they bring tonight.
{{ config(post_hook='{{ analyze(this) }}') }}

with

steps as (

    select
        step_number,
        step_code
    from ({{ funnel_steps_in_force() }}) as steps_in_force
    group by
        step_number,
        step_code

),

deepest_steps as (

    select
        line_id,
        activity_date,
        funnel_step_number,
        count(*) as user_count
    from {{ ref('int_user_days__delta') }}
    where funnel_step_number > 0
    group by
        line_id,
        activity_date,
        funnel_step_number

    union all

    select
        line_id,
        activity_date,
        funnel_step_number,
        -count(*) as user_count
    from {{ ref('int_user_days__replaced') }}
    where funnel_step_number > 0
    group by
        line_id,
        activity_date,
        funnel_step_number

),

-- Whoever did a step is counted in every step before it.
changes as (

    select
        deepest_steps.line_id,
        deepest_steps.activity_date,
        steps.step_number,
        deepest_steps.user_count
    from deepest_steps
    inner join steps
        on deepest_steps.funnel_step_number >= steps.step_number

    union all

    select
        counts.line_id,
        counts.activity_date,
        counts.step_number,
        counts.user_count
    from {{ yesterday('fct_funnel_steps') }} as counts

),

step_counts as (

    select
        line_id,
        activity_date,
        step_number,
        sum(user_count) as user_count
    from changes
    group by
        line_id,
        activity_date,
        step_number

),

days as (

    select
        line_id,
        activity_date
    from step_counts
    where
        step_number = 1
        and user_count <> 0

),

final as (

    select
        days.line_id,
        days.activity_date,
        steps.step_number,
        steps.step_code,
        coalesce(step_counts.user_count, 0) as user_count,
        lag(coalesce(step_counts.user_count, 0)) over (
            partition by days.line_id, days.activity_date
            order by steps.step_number
        ) as user_count_before
    from days
    cross join steps
    left join step_counts
        on
            days.line_id = step_counts.line_id
            and days.activity_date = step_counts.activity_date
            and steps.step_number = step_counts.step_number

)

select
    line_id,
    activity_date,
    step_number,
    step_code,
    cast(user_count as integer) as user_count,
    case
        when user_count_before > 0
            then round(cast(user_count_before - user_count as {{ numeric_type() }}) / user_count_before, 6)
    end as drop_rate
from final
