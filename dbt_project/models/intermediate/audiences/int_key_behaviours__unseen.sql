-- One row per user, line and day of a key behaviour that the served marts have not seen: loaded since, or later than
-- their as-of date. Whoever is about to be sent something is looked up here by user_id; users are the source's own.
{{ config(materialized='stable_view', schema='audiences', on_incompatible_change='replace') }}

with

unseen_orders as (

    select
        orders.user_id,
        orders.order_id,
        {{ business_date('orders.ordered_at') }} as happened_date
    from {{ source('raw', 'orders') }} as orders
    cross join {{ source('control', 'published') }} as published
    where
        {{ is_valid_order('orders.status') }}
        and (
            orders._load_id > published.load_id
            or {{ business_date('orders.ordered_at') }} > published.as_of_date
        )

),

unseen_visits as (

    select
        visits.user_id,
        visits.object_type,
        visits.object_id,
        {{ is_visit_of_line_object('visits.object_type', 'visits.object_id') }} as is_of_line_object,
        {{ business_date('visits.visited_at') }} as happened_date
    from {{ source('raw', 'visits') }} as visits
    cross join {{ source('control', 'published') }} as published
    where
        visits._load_id > published.load_id
        or {{ business_date('visits.visited_at') }} > published.as_of_date

),

unseen_feedback as (

    select
        feedback.user_id,
        {{ business_date('feedback.submitted_at') }} as happened_date
    from {{ source('raw', 'feedback') }} as feedback
    cross join {{ source('control', 'published') }} as published
    where
        feedback._load_id > published.load_id
        or {{ business_date('feedback.submitted_at') }} > published.as_of_date

),

lines as (

    {{ lines_in_force() }}

),

final as (

    -- An order is a key behaviour in every line; one without a known product counts in the remainder.
    select
        unseen_orders.user_id,
        coalesce(products.line_id, 'all') as line_id,
        unseen_orders.happened_date
    from unseen_orders
    left join {{ source('raw', 'order_items') }} as order_items
        on unseen_orders.order_id = order_items.order_id
    left join {{ ref('int_products__lined') }} as products
        on order_items.product_id = products.product_id

    union all

    -- A visit to a product or category counts in its line.
    select
        unseen_visits.user_id,
        lines.line_id,
        unseen_visits.happened_date
    from unseen_visits
    left join {{ ref('int_products__lined') }} as products
        on
            unseen_visits.object_id = products.product_id
            and unseen_visits.object_type = 'product'
    left join ({{ category_lines_in_force() }}) as category_lines
        on
            unseen_visits.object_id = category_lines.category
            and unseen_visits.object_type = 'category'
    inner join lines
        on
            coalesce(products.line_id, category_lines.line_id, 'all') = lines.line_id
            and lines.frequency_class in ('mid', 'low')
    where unseen_visits.is_of_line_object

    union all

    -- Any other visit counts in every line; of lines whose customer the user is not, nobody asks.
    select
        unseen_visits.user_id,
        lines.line_id,
        unseen_visits.happened_date
    from unseen_visits
    inner join lines
        on lines.frequency_class in ('mid', 'low')
    where not unseen_visits.is_of_line_object

    union all

    -- Feedback may follow an order that is not loaded; counting it in every line errs on the side of silence.
    select
        unseen_feedback.user_id,
        lines.line_id,
        unseen_feedback.happened_date
    from unseen_feedback
    inner join lines
        on lines.frequency_class = 'low'

)

select
    user_id,
    line_id,
    happened_date
from final
