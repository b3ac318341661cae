-- One row per customer and line: quiet for how long, and churned or not, as of the published day.
{{ config(materialized='stable_view') }}

with

customer_lines as (

    select
        user_id,
        line_id,
        last_key_date,
        has_open_episode,
        lapsed_date,
        episode_count,
        first_order_date
    from {{ ref('int_customer_lines') }}

),

lines as (

    select
        line_id,
        frequency_class,
        lapse_days
    from {{ ref('dim_lines') }}

),

published as (

    select as_of_date
    from {{ source('control', 'published') }}

),

final as (

    select
        customer_lines.user_id,
        customer_lines.line_id,
        published.as_of_date,
        lines.frequency_class,
        lines.lapse_days,
        customer_lines.first_order_date,
        customer_lines.last_key_date,
        {{ days_between('customer_lines.last_key_date', 'published.as_of_date') }} as inactive_days,
        customer_lines.has_open_episode as is_churned,
        customer_lines.lapsed_date as churned_date,
        customer_lines.episode_count
    from customer_lines
    inner join lines
        on customer_lines.line_id = lines.line_id
    cross join published

)

select
    user_id,
    line_id,
    as_of_date,
    frequency_class,
    lapse_days,
    first_order_date,
    last_key_date,
    inactive_days,
    is_churned,
    churned_date,
    episode_count
from final
