-- needs marts.fct_recall_layers
select
    line_id,
    episode_number,
    layer_code,
    layer_score,
    days_since_last_visit,
    visit_count_7d_before_last_visit,
    days_since_last_order,
    order_count_30d_before_last_order
from marts.fct_recall_layers
where user_id = %(user_id)s
order by line_id
