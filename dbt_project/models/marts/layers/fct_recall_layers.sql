-- One row per open episode as of D: how near the user still is, in four dimensions and one layer.
{{ config(materialized='stable_view') }}

select
    layer_spans.user_id,
    layer_spans.line_id,
    layer_spans.episode_number,
    published.as_of_date,
    {{ days_between('layer_spans.last_visit_date', 'published.as_of_date') }} as days_since_last_visit,
    layer_spans.visit_count_7d_before_last_visit,
    {{ days_between('layer_spans.last_order_date', 'published.as_of_date') }} as days_since_last_order,
    layer_spans.order_count_30d_before_last_order,
    layer_spans.layer_score,
    layer_spans.layer_code,
    layer_spans.last_key_date,
    layer_spans.days_since_last_visit_score,
    layer_spans.visit_count_7d_before_last_visit_score,
    layer_spans.days_since_last_order_score,
    layer_spans.order_count_30d_before_last_order_score
from {{ ref('int_layer_spans') }} as layer_spans
inner join {{ source('control', 'published') }} as published
    on {{ is_in_span('published.as_of_date', 'layer_spans') }}
