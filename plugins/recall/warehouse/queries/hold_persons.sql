-- Holds the persons of entries until the transaction ends, in one order for everybody, so that claims in two channels
-- see each other and none waits for one that waits for it.
select person_id
from ledger.global_holdouts
where person_id in (select entries.person_id from ledger.entries as entries where audience_id = any(%(audience_ids)s))
order by person_id
for no key update
