-- One row per campaign and way that candidates of the day after the as-of date went: left out for a reason, held out,
-- written to. Each counts once, so the ways add up to campaign_candidate_count.
with

ways as (

    select
        campaign_id,
        'left_out' as way_code,
        reason_code
    from audiences.aud_recall_exclusions
    where selected_date = %(selected_date)s

    union all

    select
        campaign_id,
        case
            when is_global_holdout then 'global_holdout'
            when is_campaign_holdout then 'campaign_holdout'
            else 'treated'
        end as way_code,
        null as reason_code
    from audiences.aud_recall_members
    where selected_date = %(selected_date)s

)

select
    campaign_id,
    way_code,
    reason_code,
    count(*) as candidate_count,
    sum(count(*)) over (partition by campaign_id) as campaign_candidate_count
from ways
group by
    campaign_id,
    way_code,
    reason_code
order by
    campaign_id,
    case way_code when 'left_out' then 1 when 'treated' then 3 else 2 end,
    way_code desc,
    count(*) desc,
    reason_code
