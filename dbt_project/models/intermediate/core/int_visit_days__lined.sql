-- One row per changed user, line (any included), day and way on which visits reach the line; their sums are the day's.
{{ config(materialized='ephemeral') }}

with

first_orders as (

    select
        user_id,
        line_id,
        first_order_date
    from {{ ref('int_first_orders__changed') }}

),

-- The table is read by name each time: a common table expression would be written down and read by one process.
final as (

    select
        user_id,
        line_id,
        visited_date as activity_date,
        visit_count,
        action_count,
        funnel_step_number
    from {{ ref('int_visit_days__delta') }}
    where line_id <> ''

    union all

    -- Rows that name no line belong to every line whose customer the user is by then.
    select
        visit_days.user_id,
        first_orders.line_id,
        visit_days.visited_date as activity_date,
        visit_days.visit_count,
        visit_days.action_count,
        visit_days.funnel_step_number
    from {{ ref('int_visit_days__delta') }} as visit_days
    inner join first_orders
        on
            visit_days.user_id = first_orders.user_id
            and visit_days.visited_date >= first_orders.first_order_date
    where visit_days.line_id = ''

    union all

    -- A visit that reached a line on both ways is one.
    select
        visit_days.user_id,
        visit_days.line_id,
        visit_days.visited_date as activity_date,
        -visit_days.unlined_visit_count as visit_count,
        0 as action_count,
        0 as funnel_step_number
    from {{ ref('int_visit_days__delta') }} as visit_days
    inner join first_orders
        on
            visit_days.user_id = first_orders.user_id
            and visit_days.line_id = first_orders.line_id
            and visit_days.visited_date >= first_orders.first_order_date
    where
        visit_days.line_id <> ''
        and visit_days.unlined_visit_count > 0

)

select
    user_id,
    line_id,
    activity_date,
    visit_count,
    action_count,
    funnel_step_number
from final
