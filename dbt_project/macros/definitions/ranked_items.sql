{#-
    What a customer ordered in the line up to each lapse, the thing in most orders first; of equal ones the one of the
    greater amount, then the smaller name.

    Args:
        orders: A relation with one row per order and thing: order_id, user_id, line_id, ordered_date, net_amount and the thing.
        thing: Column of what is ranked, such as the product.
-#}
{% macro ranked_items(orders, thing) -%}
select
    episodes.user_id,
    episodes.line_id,
    episodes.last_key_date,
    orders.{{ thing }},
    count(*) as order_count,
    sum(orders.net_amount) as net_amount,
    max(orders.ordered_date) as last_ordered_date,
    row_number() over (
        partition by episodes.user_id, episodes.line_id, episodes.last_key_date
        order by count(*) desc, sum(orders.net_amount) desc, orders.{{ thing }}
    ) as rank_number
from {{ ref('int_episodes__profiled') }} as episodes
inner join {{ orders }} as orders
    on
        episodes.user_id = orders.user_id
        and episodes.line_id = orders.line_id
        and episodes.lapsed_date >= orders.ordered_date
group by
    episodes.user_id,
    episodes.line_id,
    episodes.last_key_date,
    orders.{{ thing }}
{%- endmacro %}
