-- One row per campaign and reason: candidates of the day after the as-of date that are left out, each counted once.
select
    campaign_id,
    reason_code,
    count(*) as candidate_count
from audiences.aud_recall_exclusions
where selected_date = %(selected_date)s
group by
    campaign_id,
    reason_code
order by
    campaign_id,
    count(*) desc,
    reason_code
