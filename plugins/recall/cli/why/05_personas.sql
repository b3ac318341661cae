-- needs marts.fct_churned_personas
select
    line_id,
    episode_number,
    persona_code,
    preferred_category,
    order_count,
    average_order_amount,
    last_order_date
from marts.fct_churned_personas
where user_id = %(user_id)s
order by line_id
