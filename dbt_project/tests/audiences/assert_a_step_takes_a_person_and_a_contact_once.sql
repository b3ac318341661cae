-- Guards against two messages of one step: nobody and no contact point is a member of it twice.
select
    campaign_id,
    step_number,
    'person' as repeated_what,
    person_id as repeated_id
from {{ ref('int_recall_members__delta') }}
group by
    campaign_id,
    step_number,
    person_id
having count(*) > 1

union all

select
    campaign_id,
    step_number,
    'contact point' as repeated_what,
    contact_id as repeated_id
from {{ ref('int_recall_members__delta') }}
group by
    campaign_id,
    step_number,
    channel,
    contact_id
having count(*) > 1
