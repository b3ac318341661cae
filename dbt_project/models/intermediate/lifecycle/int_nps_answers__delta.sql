-- One row per answer with a score of a changed user, from the first changed day on: the new rows of int_nps_answers.
{{ config(post_hook='{{ analyze(this) }}') }}

with

feedback as (

    select
        feedback_id,
        user_id,
        submitted_date,
        kind,
        score,
        order_id
    from
        {{ rows_of_changed_users(ref('stg_landing__feedback'), date='submitted_date', instant='submitted_at') }}

),

orders as (

    select order_id
    from {{ ref('int_orders__changed') }}

)

select
    feedback.feedback_id,
    feedback.user_id,
    feedback.submitted_date,
    feedback.score
from feedback
left join orders
    on feedback.order_id = orders.order_id
where
    feedback.kind = 'nps'
    and feedback.score is not null
    -- An answer about an order that is not known waits for it, as all feedback does.
    and (feedback.order_id is null or orders.order_id is not null)
