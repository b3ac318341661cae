-- Entries that wait for a first try, and those that may be tried again and were not tried in this run yet, each with
-- the zone of its user; those that wait for morning are left alone until then.
with picked as (
    select
        entries.audience_id,
        entries.user_id
    from ledger.entries as entries
    where
        entries.selected_date = %(selected_date)s
        and entries.channel = %(channel)s
        and entries.state in ('waiting', 'failed')
        and (
            (entries.state = 'waiting' and (entries.waits_until is null or entries.waits_until <= %(now)s))
            or (
                entries.state = 'failed'
                and exists (
                    select from ledger.sends as sends
                    where
                        sends.audience_id = entries.audience_id
                        and sends.is_retryable
                        and sends.settled_at < %(run_started_at)s
                )
            )
        )
    order by entries.campaign_id, entries.step_number, entries.audience_id
    limit %(row_limit)s
    for update of entries skip locked
)

select
    picked.audience_id,
    users.time_zone
from picked
left join marts.dim_users as users on picked.user_id = users.user_id
