-- One row per customer and line, and per prospect in line any: the stage of life as of the published day.
{{ config(materialized='stable_view') }}

with

customer_lines as (

    select
        user_id,
        line_id,
        last_key_date,
        order_day_count,
        has_open_episode,
        last_returned_date
    from {{ ref('int_customer_lines') }}

),

lines as (

    select
        line_id,
        returned_days,
        decline_days,
        mature_order_days
    from {{ ref('dim_lines') }}

),

users as (

    select user_id
    from {{ ref('dim_users') }}
    where is_listed

),

published as (

    select as_of_date
    from {{ source('control', 'published') }}

),

customers as (

    select user_id
    from customer_lines
    group by user_id

),

final as (

    select
        customer_lines.user_id,
        customer_lines.line_id,
        published.as_of_date,
        {{ lifecycle_stage('customer_lines', 'lines', 'published.as_of_date') }} as stage_code,
        customer_lines.order_day_count,
        {{ days_between('customer_lines.last_key_date', 'published.as_of_date') }} as inactive_days,
        customer_lines.last_returned_date
    from customer_lines
    inner join lines
        on customer_lines.line_id = lines.line_id
    cross join published

    union all

    select
        users.user_id,
        'any' as line_id,
        published.as_of_date,
        'prospect' as stage_code,
        0 as order_day_count,
        cast(null as integer) as inactive_days,
        cast(null as date) as last_returned_date
    from users
    left join customers
        on users.user_id = customers.user_id
    cross join published
    where customers.user_id is null

)

select
    user_id,
    line_id,
    as_of_date,
    stage_code,
    order_day_count,
    inactive_days,
    last_returned_date
from final
