-- One row per changed customer, line and key day on or after the first order there, with the next one.
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

line_days as (

    select
        user_days.user_id,
        user_days.line_id,
        user_days.activity_date,
        lines.lapse_days,
        {{ is_key_day('lines.frequency_class', 'user_days.visit_count', 'user_days.order_count') }} as is_key_day,
        -- In the order of the window below, so that one sort serves both.
        min(case when user_days.order_count > 0 then user_days.activity_date end) over (
            partition by user_days.user_id, user_days.line_id
            order by user_days.activity_date
            rows between unbounded preceding and current row
        ) as first_order_date
    from {{ ref('int_user_days__tonight') }} as user_days
    inner join lines
        on user_days.line_id = lines.line_id

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
