-- needs marts.fct_recall_worth
select
    line_id,
    episode_number,
    round(value_amount, 2) as value_amount,
    round(return_rate_untouched, 3) as untouched_rate,
    round(return_rate_touched, 3) as touched_rate,
    best_action_code,
    round(cost_amount, 2) as cost_amount,
    round(expected_profit_amount, 2) as profit_amount,
    is_worth_recalling,
    reason_code as why_not,
    is_gaming
from marts.fct_recall_worth
where user_id = %(user_id)s
order by line_id
