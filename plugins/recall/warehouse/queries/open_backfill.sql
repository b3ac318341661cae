-- The backfill of a range that a run before left unfinished, or a new one; those of other builds can no longer end.
with given_up as (
    delete from control.backfills
    where state = 'running' and build_id <> %(build_id)s
)

insert into control.backfills (build_id, from_date, to_date)
values (%(build_id)s, %(from_date)s, %(to_date)s)
on conflict (build_id, from_date, to_date) where state = 'running' do update set build_id = excluded.build_id
returning backfill_id
