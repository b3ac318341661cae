select
    campaign_id,
    step_number,
    reason_code,
    count(*) as candidate_count
from audiences.aud_recall_exclusions
where selected_date = %(selected_date)s
group by campaign_id, step_number, reason_code
order by campaign_id, step_number, reason_code
