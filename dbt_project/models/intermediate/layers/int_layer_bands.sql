-- One row per episode and range of days in which all four scores stand still, future days included.
{{ config(materialized='published', scope='moved_bands', contract={'enforced': true}) }}

select
    user_id,
    line_id,
    episode_number,
    last_key_date,
    valid_from,
    valid_to,
    last_visit_date,
    visit_count_7d_before_last_visit,
    last_order_date,
    order_count_30d_before_last_order,
    days_since_last_visit_code,
    visit_count_7d_before_last_visit_code,
    days_since_last_order_code,
    order_count_30d_before_last_order_code,
    days_since_last_visit_score,
    visit_count_7d_before_last_visit_score,
    days_since_last_order_score,
    order_count_30d_before_last_order_score,
    layer_score,
    layer_code,
    layer_score_without_visits,
    layer_code_without_visits
from {{ ref('int_layer_bands__delta') }}
