-- One row per arm, kind of holdout or reason: what became of the candidates of a day, each counted once.
select
    case when is_global_holdout or is_campaign_holdout then 'held out' else 'member' end as kind,
    case
        when is_global_holdout then 'of every campaign'
        when is_campaign_holdout then 'of this campaign'
        else arm_code
    end as code,
    count(*) as row_count
from audiences.aud_recall_members
where selected_date = %(selected_date)s
group by 1, 2

union all

select
    'excluded' as kind,
    reason_code as code,
    count(*) as row_count
from audiences.aud_recall_exclusions
where selected_date = %(selected_date)s
group by reason_code
order by 1, 3 desc, 2
