-- One row per changed user, line (any included) and day with visits, from the first changed day on.
-- depends_on: {{ source('definitions', 'funnel_steps') }}
{{ config(materialized='ephemeral') }}

with

visits as (

    select
        user_id,
        visited_date,
        object_type,
        object_id,
        {{ is_visit_of_line_object('object_type', 'object_id') }} as is_of_line_object,
        {{ visit_code('session_id', 'visit_id') }} as visit_code,
        {{ funnel_step_of_visit('action', 'object_type') }} as funnel_step_number
    from
        {{ rows_of_changed_users(ref('stg_landing__visits'), date='visited_date', instant='visited_at') }}

),

products as (

    select
        product_id,
        line_id
    from {{ ref('int_products__lined') }}

),

category_lines as (

    {{ category_lines_in_force() }}

),

first_orders as (

    select
        user_id,
        line_id,
        first_order_date
    from {{ ref('int_first_orders__changed') }}

),

-- Rows of one visit that name the same line, or none, are one from here on: the lines below sort far fewer of them.
visit_parts as (

    select
        visits.user_id,
        visits.visited_date,
        visits.visit_code,
        case
            when visits.is_of_line_object then coalesce(products.line_id, category_lines.line_id, 'all')
        end as line_id,
        count(*) as action_count,
        max(visits.funnel_step_number) as funnel_step_number
    from visits
    left join products
        on
            visits.object_id = products.product_id
            and visits.object_type = 'product'
    left join category_lines
        on
            visits.object_id = category_lines.category
            and visits.object_type = 'category'
    group by
        visits.user_id,
        visits.visited_date,
        visits.visit_code,
        case when visits.is_of_line_object then coalesce(products.line_id, category_lines.line_id, 'all') end

),

line_visits as (

    select
        user_id,
        'any' as line_id,
        visited_date,
        visit_code,
        action_count,
        funnel_step_number
    from visit_parts

    union all

    select
        user_id,
        line_id,
        visited_date,
        visit_code,
        action_count,
        funnel_step_number
    from visit_parts
    where line_id is not null

    union all

    select
        visit_parts.user_id,
        first_orders.line_id,
        visit_parts.visited_date,
        visit_parts.visit_code,
        visit_parts.action_count,
        visit_parts.funnel_step_number
    from visit_parts
    inner join first_orders
        on
            visit_parts.user_id = first_orders.user_id
            and visit_parts.visited_date >= first_orders.first_order_date
    where visit_parts.line_id is null

),

final as (

    select
        user_id,
        line_id,
        visited_date as activity_date,
        count(distinct visit_code) as visit_count,
        sum(action_count) as action_count,
        max(funnel_step_number) as funnel_step_number
    from line_visits
    group by
        user_id,
        line_id,
        visited_date

)

select
    user_id,
    line_id,
    activity_date,
    visit_count,
    action_count,
    funnel_step_number
from final
