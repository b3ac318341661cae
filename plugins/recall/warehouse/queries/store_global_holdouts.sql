-- The first draw of a person is the draw for ever, with the share of that day.
insert into ledger.global_holdouts (person_id, is_global_holdout, holdout_rate, drawn_date)
select
    person_id,
    bool_or(is_global_holdout),
    %(holdout_rate)s,
    %(selected_date)s
from audiences.aud_recall_members
where selected_date = %(selected_date)s
group by person_id
on conflict (person_id) do nothing
