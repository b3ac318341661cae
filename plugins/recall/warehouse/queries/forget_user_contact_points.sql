-- Contacts that changed users no longer have. The contact point itself stays: the ledger knows its id.
delete from pii.user_contact_points as known
using changed_contacts as changed
where
    known.user_id = changed.user_id
    and not exists (
        select from normalised_contacts as normalised
        where normalised.user_id = known.user_id and normalised.contact_code = known.contact_code
    )
