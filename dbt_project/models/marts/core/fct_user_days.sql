-- One row per user, line (any included) and day with activity.
{{ config(scope='replaced_days') }}

select
    user_id,
    line_id,
    activity_date,
    visit_count,
    action_count,
    order_count,
    feedback_count,
    net_amount,
    contribution_amount,
    funnel_step_number
from {{ ref('int_user_days__delta') }}
