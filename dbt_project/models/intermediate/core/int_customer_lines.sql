-- One row per customer and line: the state that changes only when the customer acts or a timer falls due.
{{ config(
    materialized='published',
    scope='users',
    contract={'enforced': true},
    indexes=[{'columns': ['line_id', 'last_key_date']}],
) }}

select
    user_id,
    line_id,
    first_order_date,
    last_order_date,
    last_visit_date,
    last_key_date,
    key_day_count,
    order_day_count,
    episode_count,
    last_returned_date,
    has_open_episode,
    open_episode_number,
    lapsed_date
from {{ ref('int_customer_lines__delta') }}
