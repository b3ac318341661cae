-- Entries that wait for a first try, and those that may be tried again and were not tried in this run yet, each with
-- the zone of its user where that matters; those that wait for morning are left alone until then.
insert into asked (
    audience_id, campaign_id, campaign_version, step_number, selected_date, channel, contact_id, person_id, user_id,
    line_id, last_key_date, time_zone, idempotency_key
)
with picked as (
    select
        entries.audience_id,
        entries.campaign_id,
        entries.campaign_version,
        entries.step_number,
        entries.selected_date,
        entries.channel,
        entries.contact_id,
        entries.person_id,
        entries.user_id,
        entries.line_id,
        entries.last_key_date
    from ledger.entries as entries
    where
        entries.selected_date = %(selected_date)s
        and entries.channel = %(channel)s
        and not entries.is_over
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
)

select
    picked.audience_id,
    picked.campaign_id,
    picked.campaign_version,
    picked.step_number,
    picked.selected_date,
    picked.channel,
    picked.contact_id,
    picked.person_id,
    picked.user_id,
    picked.line_id,
    picked.last_key_date,
    users.time_zone,
    ledger.idempotency_key(
        picked.campaign_id, picked.step_number, picked.channel, picked.contact_id, picked.last_key_date
    )
from picked
left join marts.dim_users as users on picked.user_id = users.user_id and %(has_quiet_hours)s
