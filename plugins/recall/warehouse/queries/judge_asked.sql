-- Gives each entry asked for the first reason why it must not be sent now, as far as anything loaded by now can tell.
with

-- Of a yes and a no at the same instant the no counts.
consents as (
    select distinct on (families.audience_id, families.survivor_id)
        families.audience_id,
        families.is_own,
        consents.is_opted_in
    from families
    inner join asked on families.audience_id = asked.audience_id
    inner join raw.consents as consents
        on families.user_id = consents.user_id and asked.channel = consents.channel
    order by
        families.audience_id asc, families.survivor_id asc, consents.changed_at desc, consents.is_opted_in asc
),

judged as (
    select
        audience_id,
        bool_or(not is_opted_in) as is_refused,
        bool_or(is_opted_in) filter (where is_own) as is_opted_in
    from consents
    group by audience_id
),

default_consents as (
    select distinct on (days.channel, days.selected_date)
        days.channel,
        days.selected_date,
        channels.default_consent
    from (select distinct channel, selected_date from asked) as days
    inner join definitions.channels as channels on days.channel = channels.channel
    order by
        days.channel asc,
        days.selected_date asc,
        case when channels.valid_from < days.selected_date then 0 else 1 end,
        case when channels.valid_from < days.selected_date then channels.valid_from end desc,
        channels.valid_from asc
),

-- Own users who acted in the episode's line after its last key day. They are an array and not joined: only then does
-- each branch of the view look them up by index.
acted as (
    select user_id, line_id, max(happened_date) as last_happened_date
    from audiences.int_key_behaviours__unseen
    where user_id = any(array(select families.user_id from families where families.is_own))
    group by user_id, line_id
),

returned as (
    select distinct asked.audience_id
    from acted
    inner join families on acted.user_id = families.user_id and families.is_own
    inner join asked on families.audience_id = asked.audience_id and acted.line_id = asked.line_id
    where acted.last_happened_date > asked.last_key_date
),

reasons as (
    select
        asked.audience_id,
        case
            when erased.user_id is not null then 'erased'
            when judged.is_refused then 'no_consent'
            when not coalesce(judged.is_opted_in, default_consents.default_consent, false) then 'no_consent'
            when not exists (
                select from pii.user_contact_points as points
                where points.user_id = asked.user_id and points.contact_id = asked.contact_id
            ) then 'unreachable'
            when returned.audience_id is not null then 'already_returned'
            when exists (
                select from ledger.sends as earlier
                where
                    earlier.campaign_id = asked.campaign_id
                    and earlier.step_number = asked.step_number
                    and earlier.person_id = asked.person_id
                    and earlier.audience_id <> asked.audience_id
                    and earlier.selected_date > asked.last_key_date
                    and (
                        earlier.state in ('claimed', 'sent', 'unknown')
                        or (earlier.state = 'failed' and not earlier.is_retryable)
                    )
            ) then 'already_sent'
            when exists (
                select from ledger.sends as earlier
                where
                    earlier.campaign_id = asked.campaign_id
                    and earlier.step_number = asked.step_number
                    and earlier.contact_id = asked.contact_id
                    and earlier.audience_id <> asked.audience_id
                    and earlier.selected_date > asked.last_key_date
                    and (
                        earlier.state in ('claimed', 'sent', 'unknown')
                        or (earlier.state = 'failed' and not earlier.is_retryable)
                    )
            ) then 'already_sent'
        end as reason_code
    from asked
    left join judged on asked.audience_id = judged.audience_id
    left join default_consents
        on asked.channel = default_consents.channel and asked.selected_date = default_consents.selected_date
    left join returned on asked.audience_id = returned.audience_id
    left join ledger.erasures as erased on asked.user_id = erased.user_id
)

update asked
set reason_code = reasons.reason_code
from reasons
where asked.audience_id = reasons.audience_id and reasons.reason_code is not null
