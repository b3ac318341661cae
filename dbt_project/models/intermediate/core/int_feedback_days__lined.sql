-- One row per changed user, line (any included) and day with feedback, from the first changed day on.
-- Feedback with an order follows the order; other feedback belongs to every line whose customer the user is by then.
{{ config(materialized='ephemeral') }}

with

feedback as (

    select
        user_id,
        submitted_date,
        order_id
    from
        {{ rows_of_changed_users(ref('stg_landing__feedback'), date='submitted_date', instant='submitted_at') }}

),

orders as (

    select order_id
    from {{ ref('int_orders__changed') }}

),

order_lines as (

    select
        order_id,
        line_id
    from {{ ref('int_order_lines__split') }}

),

first_orders as (

    select
        user_id,
        line_id,
        first_order_date
    from {{ ref('int_first_orders__changed') }}

),

line_feedback as (

    select
        feedback.user_id,
        'any' as line_id,
        feedback.submitted_date
    from feedback
    left join orders
        on feedback.order_id = orders.order_id
    where
        feedback.order_id is null
        or orders.order_id is not null

    union all

    select
        feedback.user_id,
        order_lines.line_id,
        feedback.submitted_date
    from feedback
    inner join order_lines
        on feedback.order_id = order_lines.order_id

    union all

    select
        feedback.user_id,
        first_orders.line_id,
        feedback.submitted_date
    from feedback
    inner join first_orders
        on
            feedback.user_id = first_orders.user_id
            and feedback.submitted_date >= first_orders.first_order_date
    where feedback.order_id is null

),

final as (

    select
        user_id,
        line_id,
        submitted_date as activity_date,
        count(*) as feedback_count
    from line_feedback
    group by
        user_id,
        line_id,
        submitted_date

)

select
    user_id,
    line_id,
    activity_date,
    feedback_count
from final
