-- One row per changed user, line and day with activity, as fct_user_days will have them tonight: the days from the
-- first changed one on, and of users who are read again all of their days. What the others' earlier days came to stands
-- in yesterday's rows. A rebuild reads everybody and has no union: through one the planner would not see the statistics
-- of its only table.
-- depends_on: {{ ref('int_users__changed') }}, {{ ref('int_users__reread') }}
{{ config(is_view_in_rebuild=true, post_hook='{{ analyze(this) }}') }}

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
{%- if not is_full_rebuild() %}

    union all

    -- Days before the first changed one stand as yesterday knew them.
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
    inner join {{ ref('int_users__reread') }} as reread_users
        on user_days.user_id = reread_users.user_id
    where
        changed_users.replace_from_date is null
        or user_days.activity_date < changed_users.replace_from_date
{%- endif %}
