-- Entries that a rolling contact cap forbids: as many messages as it allows went to the person or to the contact within
-- its days before, or will, because they are claimed together with this one. What is claimed, sent or unknown counts.
with

asked as (
    select
        audience_id,
        campaign_id,
        campaign_version,
        selected_date,
        channel,
        person_id,
        contact_id,
        (campaign_id, step_number, channel, contact_id) as message,
        row_number() over (order by campaign_id, step_number, audience_id) as place
    from ledger.entries
    where audience_id = any(%(audience_ids)s)
),

-- The caps of definitions/contact_caps.csv in force on the as-of date, and those of the campaign.
cap_dates as (
    select
        days.selected_date,
        coalesce(
            max(caps.valid_from) filter (where caps.valid_from < days.selected_date), min(caps.valid_from)
        ) as valid_from
    from (select distinct selected_date from asked) as days
    cross join definitions.contact_caps as caps
    group by days.selected_date
),

caps as (
    select asked.audience_id, caps.channel, caps.window_days, caps.max_count
    from asked
    inner join cap_dates on asked.selected_date = cap_dates.selected_date
    inner join definitions.contact_caps as caps on cap_dates.valid_from = caps.valid_from
    where caps.channel is null or caps.channel = asked.channel
    union
    select asked.audience_id, caps.channel, caps.window_days, caps.max_count
    from asked
    inner join definitions.campaign_caps as caps
        on asked.campaign_id = caps.campaign_id and asked.campaign_version = caps.campaign_version
    where caps.channel is null or caps.channel = asked.channel
),

-- Each message once, whether the person or the contact leads to it. Entries of one step and contact are one message.
touches as (
    select asked.audience_id, 'send ' || sends.send_id as touch_id, sends.channel, sends.selected_date
    from asked
    inner join ledger.sends as sends on asked.person_id = sends.person_id
    where sends.state in ('claimed', 'sent', 'unknown') and sends.audience_id <> asked.audience_id
    union
    select asked.audience_id, 'send ' || sends.send_id as touch_id, sends.channel, sends.selected_date
    from asked
    inner join ledger.sends as sends on asked.contact_id = sends.contact_id
    where sends.state in ('claimed', 'sent', 'unknown') and sends.audience_id <> asked.audience_id
    union
    select asked.audience_id, 'entry ' || earlier.audience_id as touch_id, earlier.channel, earlier.selected_date
    from asked
    inner join asked as earlier on asked.person_id = earlier.person_id and earlier.place < asked.place
    where asked.message <> earlier.message
    union
    select asked.audience_id, 'entry ' || earlier.audience_id as touch_id, earlier.channel, earlier.selected_date
    from asked
    inner join asked as earlier on asked.contact_id = earlier.contact_id and earlier.place < asked.place
    where asked.message <> earlier.message
)

select asked.audience_id
from asked
inner join caps on asked.audience_id = caps.audience_id
inner join touches
    on
        asked.audience_id = touches.audience_id
        and touches.channel = coalesce(caps.channel, touches.channel)
        and touches.selected_date > asked.selected_date - caps.window_days
        and touches.selected_date <= asked.selected_date
group by asked.audience_id, caps.channel, caps.window_days, caps.max_count
having count(*) >= caps.max_count
