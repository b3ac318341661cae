-- One row per campaign and step of the day after the as-of date: who is in, and who is held out of it.
select
    campaign_id,
    step_number,
    count(*) as member_count,
    sum(case when is_global_holdout then 1 else 0 end) as global_holdout_count,
    sum(case when is_campaign_holdout then 1 else 0 end) as campaign_holdout_count,
    sum(case when is_global_holdout or is_campaign_holdout then 0 else 1 end) as treated_count
from audiences.aud_recall_members
where selected_date = %(selected_date)s
group by
    campaign_id,
    step_number
order by
    campaign_id,
    step_number
