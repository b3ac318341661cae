-- One row per changed user, line and day of fct_user_days as yesterday left it, from the month before the first changed
-- day on: what the night takes back from sums over users before it adds what they bring now.
{{ config(post_hook='{{ analyze(this) }}') }}

select
    user_days.user_id,
    user_days.line_id,
    user_days.activity_date,
    user_days.visit_count,
    user_days.order_count,
    user_days.funnel_step_number,
    (user_days.activity_date >= changed_users.replace_from_date) as is_replaced
from {{ ref('int_users__changed') }} as changed_users
inner join {{ yesterday('fct_user_days') }} as user_days
    on
        changed_users.user_id = user_days.user_id
        and {{ previous_month(month_start('changed_users.replace_from_date')) }} <= user_days.activity_date
