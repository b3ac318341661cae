-- One row per feedback of a user with an episode that is profiled tonight and line that it belongs to: with an order
-- the lines of the order, else every line whose customer the user was by then.
{{ config(post_hook='{{ analyze(this) }}') }}

with

feedback as (

    select
        feedback.feedback_id,
        feedback.user_id,
        feedback.submitted_date,
        feedback.kind,
        feedback.topic,
        feedback.score,
        feedback.order_id,
        {{ business_date('feedback.answered_at') }} as answered_date
    from {{ rows_of_users(ref('stg_landing__feedback'), ref('int_profiled_sources__found')) }} as feedback
    where feedback.kind <> 'nps'

),

order_ids as (

    select order_id
    from feedback
    where order_id is not null
    group by order_id

),

orders as (

    select orders.order_id
    from {{ rows_of_orders(ref('stg_landing__orders'), 'order_ids') }} as orders

),

items as (

    select
        order_items.order_id,
        order_items.product_id
    from {{ rows_of_orders(ref('stg_landing__order_items'), 'order_ids') }} as order_items

),

order_lines as (

    select
        orders.order_id,
        coalesce(products.line_id, 'all') as line_id
    from orders
    inner join order_ids
        on orders.order_id = order_ids.order_id
    left join items
        on orders.order_id = items.order_id
    left join {{ ref('int_products__lined') }} as products
        on items.product_id = products.product_id
    group by
        orders.order_id,
        coalesce(products.line_id, 'all')

),

customer_lines as (

    select
        user_id,
        line_id,
        min(first_order_date) as first_order_date
    from {{ ref('int_persona_measures__summed') }}
    group by
        user_id,
        line_id

),

lined_feedback as (

    select
        feedback.feedback_id,
        order_lines.line_id
    from feedback
    inner join order_lines
        on feedback.order_id = order_lines.order_id

    union all

    select
        feedback.feedback_id,
        customer_lines.line_id
    from feedback
    inner join customer_lines
        on
            feedback.user_id = customer_lines.user_id
            and feedback.submitted_date >= customer_lines.first_order_date
    where feedback.order_id is null

)

select
    feedback.feedback_id,
    feedback.user_id,
    lined_feedback.line_id,
    feedback.submitted_date,
    feedback.kind,
    feedback.topic,
    feedback.score,
    feedback.answered_date
from feedback
inner join lined_feedback
    on feedback.feedback_id = lined_feedback.feedback_id
