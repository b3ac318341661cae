-- One row per user, line and day of a key behaviour that the served marts have not seen: loaded since, or later than
-- their as-of date. Whoever is about to be sent something is looked up here by user_id, message by message, so that no
-- large CTE may be used twice: it would be read whole. Users are the source's own, merged ones too.
{{ config(materialized='stable_view', schema='audiences', on_incompatible_change='replace') }}

with

lines as (

    {{ lines_in_force() }}

),

final as (

    -- An order is a key behaviour in every line; one without a known product counts in the remainder.
    select
        orders.user_id,
        coalesce(category_lines.line_id, 'all') as line_id,
        {{ business_date('orders.ordered_at') }} as happened_date
    from {{ source('raw', 'orders') }} as orders
    cross join {{ source('control', 'published') }} as published
    left join {{ source('raw', 'order_items') }} as order_items
        on orders.order_id = order_items.order_id
    left join {{ source('raw', 'products') }} as products
        on order_items.product_id = products.product_id
    left join ({{ category_lines_in_force() }}) as category_lines
        on products.category = category_lines.category
    where
        {{ is_valid_order('orders.status') }}
        and (
            orders._load_id > published.load_id
            or {{ business_date('orders.ordered_at') }} > published.as_of_date
        )

    union all

    -- A visit to a product or category counts in its line, any other in every line: of lines whose customer the user
    -- is not, nobody asks.
    select
        visits.user_id,
        lines.line_id,
        {{ business_date('visits.visited_at') }} as happened_date
    from {{ source('raw', 'visits') }} as visits
    cross join {{ source('control', 'published') }} as published
    left join {{ source('raw', 'products') }} as products
        on
            visits.object_id = products.product_id
            and visits.object_type = 'product'
    left join ({{ category_lines_in_force() }}) as category_lines
        on
            category_lines.category
            = case visits.object_type when 'product' then products.category when 'category' then visits.object_id end
    inner join lines
        on
            lines.frequency_class in ('mid', 'low')
            and (
                not {{ is_visit_of_line_object('visits.object_type', 'visits.object_id') }}
                or coalesce(category_lines.line_id, 'all') = lines.line_id
            )
    where
        visits._load_id > published.load_id
        or {{ business_date('visits.visited_at') }} > published.as_of_date

    union all

    -- Feedback may follow an order that is not loaded; counting it in every line errs on the side of silence.
    select
        feedback.user_id,
        lines.line_id,
        {{ business_date('feedback.submitted_at') }} as happened_date
    from {{ source('raw', 'feedback') }} as feedback
    cross join {{ source('control', 'published') }} as published
    inner join lines
        on lines.frequency_class = 'low'
    where
        feedback._load_id > published.load_id
        or {{ business_date('feedback.submitted_at') }} > published.as_of_date

)

select
    user_id,
    line_id,
    happened_date
from final
