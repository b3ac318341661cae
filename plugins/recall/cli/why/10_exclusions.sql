-- needs audiences.aud_recall_exclusions
select
    selected_date,
    campaign_id,
    step_number,
    line_id,
    reason_code,
    worth_reason_code
from audiences.aud_recall_exclusions
where user_id = %(user_id)s
order by selected_date desc, campaign_id, step_number
limit 20
