-- One row per line, repeat orders, recency and age as of the published day: how many customers are alike in them.
{{ config(materialized='stable_view') }}

select
    customer_lines.line_id,
    customer_lines.order_day_count - 1 as repeat_order_count,
    {{ days_between('customer_lines.first_order_date', 'customer_lines.last_order_date') }} as recency_days,
    {{ days_between('customer_lines.first_order_date', 'published.as_of_date') }} as age_days,
    count(*) as customer_count
from {{ ref('int_customer_lines') }} as customer_lines
cross join {{ source('control', 'published') }} as published
group by
    customer_lines.line_id,
    customer_lines.order_day_count,
    customer_lines.first_order_date,
    customer_lines.last_order_date,
    published.as_of_date
