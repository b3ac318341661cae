-- One row per user with an episode that is profiled tonight, line and day with activity, as fct_user_days will have
-- them.
{{ config(materialized='ephemeral') }}

select
    user_id,
    line_id,
    activity_date,
    visit_count,
    order_count,
    net_amount
from
    {{ profiled_rows(
        'fct_user_days',
        ['user_id', 'line_id', 'activity_date', 'visit_count', 'order_count', 'net_amount'],
        delta=ref('int_user_days__tonight'),
    ) }}
