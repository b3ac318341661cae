-- One row per persona of the open episodes.
select
    persona_code,
    count(*) as episode_count,
    avg(order_count) as order_count,
    avg(average_order_amount) as average_order_amount,
    avg(net_amount) as net_amount
from marts.fct_churned_personas
group by persona_code
order by
    count(*) desc,
    persona_code
