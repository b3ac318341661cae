-- needs ledger.assignments
select
    assignments.campaign_id,
    assignments.person_id,
    assignments.arm_code,
    assignments.variant_code,
    assignments.assigned_date,
    assignments.is_global_holdout,
    assignments.is_campaign_holdout
from ledger.persons
inner join ledger.assignments on persons.person_id = assignments.person_id
where persons.user_id = %(user_id)s
order by assignments.assigned_date desc, assignments.campaign_id
limit 20
