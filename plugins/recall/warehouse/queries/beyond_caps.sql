-- Entries asked for that a rolling contact cap forbids: as many messages as it allows went to the person or to the
-- contact within its days before, or will, because they are claimed together with this one. What is claimed, sent or
-- unknown counts.
with

sendable as (
    select
        audience_id,
        campaign_id,
        campaign_version,
        step_number,
        selected_date,
        channel,
        person_id,
        contact_id,
        row_number() over (order by campaign_id, step_number, audience_id) as place
    from asked
    where reason_code is null
),

-- Each message once, whether the person or the contact leads to it. Entries of one step and contact are one message.
touches as (
    select sendable.audience_id, 'send ' || sends.send_id as touch_id, sends.channel, sends.selected_date
    from sendable
    inner join ledger.sends as sends on sendable.person_id = sends.person_id
    where sends.state in ('claimed', 'sent', 'unknown') and sends.audience_id <> sendable.audience_id
    union
    select sendable.audience_id, 'send ' || sends.send_id as touch_id, sends.channel, sends.selected_date
    from sendable
    inner join ledger.sends as sends on sendable.contact_id = sends.contact_id
    where sends.state in ('claimed', 'sent', 'unknown') and sends.audience_id <> sendable.audience_id
    union
    select sendable.audience_id, 'entry ' || earlier.audience_id as touch_id, earlier.channel, earlier.selected_date
    from sendable
    inner join sendable as earlier on sendable.person_id = earlier.person_id and earlier.place < sendable.place
    where
        (sendable.campaign_id, sendable.step_number, sendable.channel, sendable.contact_id)
        <> (earlier.campaign_id, earlier.step_number, earlier.channel, earlier.contact_id)
    union
    select sendable.audience_id, 'entry ' || earlier.audience_id as touch_id, earlier.channel, earlier.selected_date
    from sendable
    inner join sendable as earlier on sendable.contact_id = earlier.contact_id and earlier.place < sendable.place
    where
        (sendable.campaign_id, sendable.step_number, sendable.channel, sendable.contact_id)
        <> (earlier.campaign_id, earlier.step_number, earlier.channel, earlier.contact_id)
),

-- What has rules of its own: a campaign's version on a day in a channel.
kinds as (
    select distinct campaign_id, campaign_version, selected_date, channel from sendable
),

-- The caps of definitions/contact_caps.csv in force on the as-of date, and those of the campaign.
cap_dates as (
    select
        kinds.selected_date,
        coalesce(
            max(caps.valid_from) filter (where caps.valid_from < kinds.selected_date), min(caps.valid_from)
        ) as valid_from
    from kinds
    cross join definitions.contact_caps as caps
    group by kinds.selected_date
),

caps as (
    select kinds.*, caps.channel as cap_channel, caps.window_days, caps.max_count
    from kinds
    inner join cap_dates on kinds.selected_date = cap_dates.selected_date
    inner join definitions.contact_caps as caps on cap_dates.valid_from = caps.valid_from
    where caps.channel is null or caps.channel = kinds.channel
    union
    select kinds.*, caps.channel as cap_channel, caps.window_days, caps.max_count
    from kinds
    inner join definitions.campaign_caps as caps
        on kinds.campaign_id = caps.campaign_id and kinds.campaign_version = caps.campaign_version
    where caps.channel is null or caps.channel = kinds.channel
),

beyond as (
    select sendable.audience_id
    from touches
    inner join sendable on touches.audience_id = sendable.audience_id
    inner join caps
        on
            sendable.campaign_id = caps.campaign_id
            and sendable.campaign_version = caps.campaign_version
            and sendable.selected_date = caps.selected_date
            and sendable.channel = caps.channel
    where
        touches.channel = coalesce(caps.cap_channel, touches.channel)
        and touches.selected_date > sendable.selected_date - caps.window_days
        and touches.selected_date <= sendable.selected_date
    group by sendable.audience_id, caps.cap_channel, caps.window_days, caps.max_count
    having count(*) >= caps.max_count
)

update asked
set reason_code = 'contact_cap'
from beyond
where asked.audience_id = beyond.audience_id
