-- Members whose draw is not the stored one: the audience was built before another night's assignments were stored.
select count(*)
from audiences.aud_recall_members as members
inner join ledger.assignments as stored using (campaign_id, person_id)
inner join ledger.persons as persons on members.user_id = persons.user_id
where
    members.selected_date = %(selected_date)s
    and (
        members.arm_code <> stored.arm_code
        or members.is_global_holdout <> stored.is_global_holdout
        or members.is_campaign_holdout <> stored.is_campaign_holdout
        or members.person_id <> persons.person_id
    )
