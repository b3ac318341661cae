-- needs audiences.aud_recall_members
select
    selected_date,
    campaign_id,
    step_number,
    line_id,
    last_key_date,
    arm_code,
    channel,
    offer_code,
    is_global_holdout,
    is_campaign_holdout
from audiences.aud_recall_members
where user_id = %(user_id)s
order by selected_date desc, campaign_id, step_number
limit 20
