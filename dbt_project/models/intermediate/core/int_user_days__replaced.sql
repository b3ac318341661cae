-- One row per changed user, line and day from the first changed one on, as yesterday left it in fct_user_days: what the
-- night takes back from sums over users before it adds what they bring now. Where a user has none, tonight's days only
-- come to those that stand.
{{ config(post_hook='{{ analyze(this) }}') }}

select
    user_days.user_id,
    user_days.line_id,
    user_days.activity_date,
    user_days.visit_count,
    user_days.order_count,
    user_days.funnel_step_number
from {{ ref('int_users__changed') }} as changed_users
inner join {{ yesterday('int_user_activities') }} as activities
    on
        changed_users.user_id = activities.user_id
        and changed_users.replace_from_date <= activities.last_active_date
inner join {{ yesterday('fct_user_days') }} as user_days
    on
        changed_users.user_id = user_days.user_id
        and changed_users.replace_from_date <= user_days.activity_date
