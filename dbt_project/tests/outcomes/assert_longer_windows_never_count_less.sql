-- Windows of one entry lie inside each other, so a longer one never holds fewer orders, visits or returns.
with

windows as (

    select
        campaign_id,
        person_id,
        window_days,
        order_count,
        visit_count,
        is_returned,
        lag(order_count) over (partition by campaign_id, person_id order by window_days) as shorter_order_count,
        lag(visit_count) over (partition by campaign_id, person_id order by window_days) as shorter_visit_count,
        lag(is_returned) over (partition by campaign_id, person_id order by window_days) as was_returned
    from {{ ref('int_recalled_users__delta') }}

)

select
    campaign_id,
    person_id,
    window_days
from windows
where
    order_count < shorter_order_count
    or visit_count < shorter_visit_count
    or (was_returned and not is_returned)
