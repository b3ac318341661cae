-- One row per changed customer, line and key day on or after the first order there, with the next one. Where the days
-- before stand, the last key day among them is the first one here.
-- depends_on: {{ ref('int_customer_lines__standing') }}
{{ config(post_hook='{{ analyze(this) }}') }}

with

lines as (

    select
        line_id,
        frequency_class,
        lapse_days
    from {{ ref('int_lines__delta') }}
    where not is_reserved

),

days as (

    select
        user_days.user_id,
        user_days.line_id,
        user_days.activity_date,
        lines.lapse_days,
        {{ is_key_day('lines.frequency_class', 'user_days.visit_count', 'user_days.order_count') }} as is_key_day,
        case when user_days.order_count > 0 then user_days.activity_date end as first_order_date
    from {{ ref('int_user_days__tonight') }} as user_days
    inner join lines
        on user_days.line_id = lines.line_id
    {%- if not is_full_rebuild() %}

        union all

        select
            standing_lines.user_id,
            standing_lines.line_id,
            standing_lines.last_key_date as activity_date,
            lines.lapse_days,
            true as is_key_day,
            standing_lines.first_order_date
        from {{ ref('int_customer_lines__standing') }} as standing_lines
        inner join lines
            on standing_lines.line_id = lines.line_id
    {%- endif %}

),

line_days as (

    select
        user_id,
        line_id,
        activity_date,
        lapse_days,
        is_key_day,
        -- In the order of the window below, so that one sort serves both.
        min(first_order_date) over (
            partition by user_id, line_id
            order by activity_date
            rows between unbounded preceding and current row
        ) as first_order_date
    from days

),

final as (

    select
        user_id,
        line_id,
        activity_date as key_date,
        lead(activity_date) over (partition by user_id, line_id order by activity_date) as next_key_date,
        lapse_days
    from line_days
    where
        is_key_day
        and activity_date >= first_order_date

)

select
    user_id,
    line_id,
    key_date,
    next_key_date,
    lapse_days
from final
