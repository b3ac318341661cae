-- needs outcomes.out_recalled_users
select
    campaign_id,
    arm_code,
    is_control,
    assigned_date,
    window_days,
    is_matured,
    visit_count,
    order_count,
    net_amount,
    is_returned,
    returned_date
from outcomes.out_recalled_users
where
    user_id = %(user_id)s
    or person_id = (select persons.person_id from ledger.persons where persons.user_id = %(user_id)s)
order by assigned_date desc, campaign_id, window_days
limit 20
