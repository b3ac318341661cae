-- One row per changed user, line (any included) and day with activity, from the first changed day on.
-- depends_on: {{ source('definitions', 'funnel_steps') }}
{{ config(pre_hook='{{ group_by_sorting() }}', post_hook="{{ key_like('fct_user_days') }}") }}

with

activities as (

    select
        user_id,
        line_id,
        activity_date,
        visit_count,
        action_count,
        0 as order_count,
        0 as feedback_count,
        cast(null as {{ numeric_type() }}) as net_amount,
        cast(null as {{ numeric_type() }}) as contribution_amount,
        funnel_step_number
    from {{ ref('int_visit_days__lined') }}

    union all

    select
        user_id,
        line_id,
        activity_date,
        0 as visit_count,
        0 as action_count,
        order_count,
        0 as feedback_count,
        net_amount,
        contribution_amount,
        {{ funnel_step_of_order() }} as funnel_step_number
    from {{ ref('int_order_days__lined') }}

    union all

    select
        user_id,
        line_id,
        activity_date,
        0 as visit_count,
        0 as action_count,
        0 as order_count,
        feedback_count,
        cast(null as {{ numeric_type() }}) as net_amount,
        cast(null as {{ numeric_type() }}) as contribution_amount,
        0 as funnel_step_number
    from {{ ref('int_feedback_days__lined') }}

),

final as (

    select
        user_id,
        line_id,
        activity_date,
        cast(sum(visit_count) as integer) as visit_count,
        cast(sum(action_count) as integer) as action_count,
        cast(sum(order_count) as integer) as order_count,
        cast(sum(feedback_count) as integer) as feedback_count,
        {{ plain_amount('coalesce(sum(net_amount), 0)') }} as net_amount,
        {{ plain_amount('coalesce(sum(contribution_amount), 0)') }} as contribution_amount,
        cast(max(funnel_step_number) as integer) as funnel_step_number
    from activities
    group by
        user_id,
        line_id,
        activity_date

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
    contribution_amount,
    funnel_step_number
from final
