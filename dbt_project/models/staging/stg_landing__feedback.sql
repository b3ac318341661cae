-- One row per complaint, rating, score or answer up to the as-of date.
with

feedback as (

    select
        feedback.feedback_id,
        feedback.user_id,
        feedback.submitted_at,
        feedback.kind,
        feedback.topic,
        feedback.score,
        feedback.order_id,
        feedback.answered_at
    from
        {{ visible_rows(
            'feedback',
            ['feedback_id'],
            ['user_id', 'submitted_at', 'kind', 'topic', 'score', 'order_id', 'answered_at'],
        ) }} as feedback

),

user_merges as (

    select
        user_id,
        merged_into
    from {{ ref('stg_landing__user_merges') }}

),

final as (

    select
        feedback.feedback_id,
        coalesce(user_merges.merged_into, feedback.user_id) as user_id,
        feedback.user_id as source_user_id,
        feedback.submitted_at,
        {{ business_date('feedback.submitted_at') }} as submitted_date,
        feedback.kind,
        feedback.topic,
        feedback.score,
        feedback.order_id,
        feedback.answered_at
    from feedback
    left join user_merges
        on feedback.user_id = user_merges.user_id
    where
        {{ business_date('feedback.submitted_at') }} <= {{ as_of_date() }}
        and {{ is_known_user('feedback.user_id') }}
        and (
            feedback.order_id is null
            or exists (
                select 1
                from {{ source('raw', 'orders') }} as known_orders
                where known_orders.order_id = feedback.order_id
            )
        )

)

select
    feedback_id,
    user_id,
    source_user_id,
    submitted_at,
    submitted_date,
    kind,
    topic,
    score,
    order_id,
    answered_at
from final
