-- One row per customer and line of a changed user whose days are not read again: where yesterday left the customer. All
-- of tonight's days come after its last ones, so that the episodes before its last key day stand.
{{ config(post_hook='{{ analyze(this) }}') }}

{% set columns = [
    'user_id', 'line_id', 'first_order_date', 'last_order_date', 'last_visit_date', 'last_key_date', 'key_day_count',
    'order_day_count', 'episode_count', 'last_returned_date', 'has_open_episode',
] %}

select
    user_id,
    line_id,
    first_order_date,
    last_order_date,
    last_visit_date,
    last_key_date,
    key_day_count,
    order_day_count,
    episode_count - case when has_open_episode then 1 else 0 end as ended_episode_count,
    last_returned_date,
    has_open_episode
from {{ standing_rows('int_customer_lines', columns) }} as customer_lines
