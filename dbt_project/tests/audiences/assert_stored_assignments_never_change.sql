-- Guards the comparison: a person who enters a campaign again has the arm and the holdouts of the first entry.
select
    members.campaign_id,
    members.person_id
from {{ ref('int_recall_members__delta') }} as members
inner join {{ source('ledger', 'assignments') }} as assignments
    on
        members.campaign_id = assignments.campaign_id
        and members.person_id = assignments.person_id
where
    members.arm_code <> assignments.arm_code
    or members.is_global_holdout <> assignments.is_global_holdout
    or members.is_campaign_holdout <> assignments.is_campaign_holdout
