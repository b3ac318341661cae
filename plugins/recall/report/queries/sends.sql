-- One row per campaign, channel and day of selection: what became of the sends of the last 28 days up to this export.
select
    campaign_id,
    channel,
    selected_date,
    count(*) as send_count,
    sum(case when state = 'sent' then 1 else 0 end) as sent_count,
    sum(case when state = 'failed' then 1 else 0 end) as failed_count,
    sum(case when state = 'suppressed' then 1 else 0 end) as suppressed_count,
    sum(case when state = 'unknown' then 1 else 0 end) as unknown_count,
    sum(case when state = 'claimed' then 1 else 0 end) as claimed_count
from ledger.sends
where
    selected_date <= %(selected_date)s
    and selected_date > cast(%(selected_date)s as date) - 28
group by
    campaign_id,
    channel,
    selected_date
order by
    selected_date desc,
    campaign_id,
    channel
