-- One row per changed member of a cohort, side and day with activity while the member is followed.
{{ config(materialized='ephemeral') }}

with

members as (

    select
        user_id,
        cohort_type,
        line_id,
        cohort_date,
        acquisition_channel,
        weight,
        replace_from_date,
        followed_until_date,
        counted_from_date
    from {{ ref('int_cohort_members__changed') }}

),

lines as (

    select
        line_id,
        frequency_class
    from {{ ref('int_lines__delta') }}

),

-- Of tonight's side the days before the first changed one stand as yesterday knew them.
days as (

    select
        members.cohort_type,
        members.line_id,
        members.cohort_date,
        members.acquisition_channel,
        members.weight,
        user_days.activity_date,
        user_days.visit_count,
        user_days.order_count,
        user_days.contribution_amount
    from members
    inner join {{ yesterday('fct_user_days') }} as user_days
        on
            members.user_id = user_days.user_id
            and members.line_id = user_days.line_id
            and members.counted_from_date <= user_days.activity_date
            and members.followed_until_date >= user_days.activity_date
    where
        members.weight = -1
        or members.replace_from_date is null
        or user_days.activity_date < members.replace_from_date

    union all

    select
        members.cohort_type,
        members.line_id,
        members.cohort_date,
        members.acquisition_channel,
        members.weight,
        user_days.activity_date,
        user_days.visit_count,
        user_days.order_count,
        user_days.contribution_amount
    from members
    inner join {{ ref('int_user_days__delta') }} as user_days
        on
            members.user_id = user_days.user_id
            and members.line_id = user_days.line_id
            and members.counted_from_date <= user_days.activity_date
            and members.followed_until_date >= user_days.activity_date
    where members.weight = 1

),

final as (

    select
        days.cohort_type,
        days.line_id,
        days.cohort_date,
        days.acquisition_channel,
        days.weight,
        {{ days_between('days.cohort_date', 'days.activity_date') }} as day_number,
        -- In line any every activity counts.
        {{ is_key_day('lines.frequency_class', 'days.visit_count', 'days.order_count') }} as is_key_day,
        days.contribution_amount
    from days
    inner join lines
        on days.line_id = lines.line_id

)

select
    cohort_type,
    line_id,
    cohort_date,
    acquisition_channel,
    weight,
    day_number,
    is_key_day,
    contribution_amount
from final
