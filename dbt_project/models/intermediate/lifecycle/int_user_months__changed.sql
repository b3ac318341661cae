-- One row per changed customer, line, month with a key day from the month before the first changed day on, and side:
-- tonight's (weight 1) or yesterday's (weight -1), with the months of activity beside it.
{{ config(materialized='ephemeral') }}

with

lines as (

    select
        line_id,
        frequency_class
    from {{ ref('int_lines__delta') }}
    where not is_reserved

),

changed_users as (

    select
        user_id,
        replace_from_date
    from {{ ref('int_users__changed') }}
    where replace_from_date is not null

),

days_before as (

    select
        user_id,
        line_id,
        activity_date,
        visit_count,
        order_count,
        is_replaced
    from {{ ref('int_user_days__before') }}

),

days as (

    select
        user_id,
        line_id,
        activity_date,
        visit_count,
        order_count,
        1 as weight
    from {{ ref('int_user_days__delta') }}

    union all

    select
        user_id,
        line_id,
        activity_date,
        visit_count,
        order_count,
        1 as weight
    from days_before
    where not is_replaced

    union all

    select
        user_id,
        line_id,
        activity_date,
        visit_count,
        order_count,
        -1 as weight
    from days_before

),

first_orders as (

    select
        customer_lines.user_id,
        customer_lines.line_id,
        customer_lines.first_order_date,
        changed_users.replace_from_date,
        1 as weight
    from {{ ref('int_customer_lines__delta') }} as customer_lines
    inner join changed_users
        on customer_lines.user_id = changed_users.user_id

    union all

    select
        customer_lines.user_id,
        customer_lines.line_id,
        customer_lines.first_order_date,
        changed_users.replace_from_date,
        -1 as weight
    from {{ yesterday('int_customer_lines') }} as customer_lines
    inner join changed_users
        on customer_lines.user_id = changed_users.user_id

),

key_months as (

    select
        days.user_id,
        days.line_id,
        days.weight,
        {{ month_start('days.activity_date') }} as month,
        -- The first order always is the first key day.
        min({{ month_start('first_orders.first_order_date') }}) as first_month,
        min(first_orders.replace_from_date) as replace_from_date
    from days
    inner join lines
        on days.line_id = lines.line_id
    inner join first_orders
        on
            days.user_id = first_orders.user_id
            and days.line_id = first_orders.line_id
            and days.weight = first_orders.weight
            and days.activity_date >= first_orders.first_order_date
    where {{ is_key_day('lines.frequency_class', 'days.visit_count', 'days.order_count') }}
    group by
        days.user_id,
        days.line_id,
        days.weight,
        {{ month_start('days.activity_date') }}

),

neighboured_months as (

    select
        user_id,
        line_id,
        weight,
        month,
        first_month,
        replace_from_date,
        lag(month) over (partition by user_id, line_id, weight order by month) as month_before,
        lead(month) over (partition by user_id, line_id, weight order by month) as month_after
    from key_months

),

final as (

    select
        user_id,
        line_id,
        weight,
        month,
        -- Of the month before the first changed day nothing changed but who is lost after it.
        (month >= {{ month_start('replace_from_date') }}) as is_changed,
        (month = first_month) as is_new,
        coalesce(month_before = {{ previous_month('month') }}, false)
            as is_retained,
        not coalesce(month_after = {{ next_month('month') }}, false)
            as is_lost_after
    from neighboured_months

)

select
    user_id,
    line_id,
    weight,
    month,
    is_changed,
    is_new,
    is_retained,
    is_lost_after
from final
