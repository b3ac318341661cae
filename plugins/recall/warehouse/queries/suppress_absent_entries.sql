-- The same night was built again and no longer selects them; nothing was sent yet and nothing will be.
update ledger.entries as entries
set state = 'suppressed', reason_code = 'left_audience'
where
    entries.selected_date = %(selected_date)s
    and not entries.is_over
    and entries.state = 'waiting'
    and not exists (
        select from audiences.aud_recall_members as members
        where members.audience_id = entries.audience_id
    )
