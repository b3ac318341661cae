-- One row: somebody worth looking at, who lapsed more than once and was drawn into a campaign if anybody was.
select flags.user_id
from marts.fct_churn_flags as flags
left join ledger.persons as persons
    on flags.user_id = persons.user_id
where flags.is_churned
order by
    case when persons.user_id is null then 1 else 0 end,
    flags.episode_count desc,
    flags.user_id
limit 1
