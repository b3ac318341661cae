-- One row per changed user, line and day with activity: all of their days, as fct_user_days will have them tonight.
-- A dozen models read them; in a night of few users they are looked up once, in a rebuild they are the delta itself.
{{ config(is_view_in_rebuild=true, post_hook='{{ analyze(this) }}') }}

with

new_days as (

    select
        user_id,
        line_id,
        activity_date,
        visit_count,
        action_count,
        order_count,
        feedback_count,
        net_amount,
        contribution_amount
    from {{ ref('int_user_days__delta') }}

),

-- Days before the first changed one stand as yesterday knew them.
standing_days as (

    select
        user_days.user_id,
        user_days.line_id,
        user_days.activity_date,
        user_days.visit_count,
        user_days.action_count,
        user_days.order_count,
        user_days.feedback_count,
        user_days.net_amount,
        user_days.contribution_amount
    from {{ yesterday('fct_user_days') }} as user_days
    inner join {{ ref('int_users__changed') }} as changed_users
        on user_days.user_id = changed_users.user_id
    where
        changed_users.replace_from_date is null
        or user_days.activity_date < changed_users.replace_from_date

),

final as (

    select
        user_id,
        line_id,
        activity_date,
        visit_count,
        action_count,
        order_count,
        feedback_count,
        net_amount,
        contribution_amount
    from new_days

    union all

    select
        user_id,
        line_id,
        activity_date,
        visit_count,
        action_count,
        order_count,
        feedback_count,
        net_amount,
        contribution_amount
    from standing_days

)

select
    user_id,
    line_id,
    activity_date,
    visit_count,
    action_count,
    order_count,
    feedback_count,
    net_amount,
    contribution_amount
from final
