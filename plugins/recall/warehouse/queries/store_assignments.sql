-- One draw per campaign and person, at the first step that the person enters by.
insert into ledger.assignments (
    campaign_id, person_id, campaign_version, arm_code, variant_code, is_global_holdout, is_campaign_holdout,
    assigned_date
)
select distinct on (campaign_id, person_id)
    campaign_id,
    person_id,
    campaign_version,
    arm_code,
    variant_code,
    is_global_holdout,
    is_campaign_holdout,
    selected_date
from audiences.aud_recall_members
where selected_date = %(selected_date)s
order by campaign_id asc, person_id asc, step_number asc
on conflict (campaign_id, person_id) do nothing
