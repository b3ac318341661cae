-- One row per send through which somebody is still in an advertising audience who should no longer be: whoever takes
-- a contact back leaves it to no other campaign, so a contact for which another send still holds stays.
{{ config(materialized='table', schema='audiences') }}

with

removals as (

    select send_id
    from {{ source('ledger', 'removals') }}
    where state = 'done'

),

user_merges as (

    select
        user_id,
        merged_into
    from {{ ref('stg_landing__user_merges') }}

),

sends as (

    select
        sends.send_id,
        sends.campaign_id,
        sends.step_number,
        sends.channel,
        sends.contact_id,
        coalesce(user_merges.merged_into, sends.user_id) as user_id,
        sends.line_id,
        sends.last_key_date
    from {{ source('ledger', 'sends') }} as sends
    left join removals
        on sends.send_id = removals.send_id
    left join user_merges
        on sends.user_id = user_merges.user_id
    where
        {{ is_audience_channel('sends.channel') }}
        and sends.state in ('sent', 'unknown')
        and sends.selected_date <= {{ as_of_date() }}
        and removals.send_id is null

),

open_episodes as (

    select
        user_id,
        line_id,
        last_key_date
    from {{ ref('fct_lapse_episodes') }}
    where is_open

),

channels as (

    {{ channels_in_force() }}

),

-- Whoever is reached at the contact by now, and whoever it was added for.
contact_users as (

    select
        sends.contact_id,
        sends.channel,
        coalesce(user_merges.merged_into, contact_points.user_id) as user_id
    from sends
    inner join {{ source('pii', 'user_contact_points') }} as contact_points
        on sends.contact_id = contact_points.contact_id
    left join user_merges
        on contact_points.user_id = user_merges.user_id

    union

    select
        contact_id,
        channel,
        user_id
    from sends

),

-- Of a yes and a no at the same instant the no counts.
ranked_consents as (

    select
        consents.user_id,
        consents.channel,
        consents.is_opted_in,
        row_number() over (
            partition by consents.user_id, consents.channel
            order by consents.changed_at desc, case when consents.is_opted_in then 1 else 0 end
        ) as recency_number
    from {{ ref('stg_landing__consents') }} as consents
    where {{ is_audience_channel('consents.channel') }}

),

consents as (

    select
        user_id,
        channel,
        is_opted_in
    from ranked_consents
    where recency_number = 1

),

refused_contacts as (

    select
        contact_users.contact_id,
        contact_users.channel
    from contact_users
    inner join consents
        on
            contact_users.user_id = consents.user_id
            and contact_users.channel = consents.channel
            and not consents.is_opted_in
    group by
        contact_users.contact_id,
        contact_users.channel

),

judged as (

    select
        sends.send_id,
        sends.campaign_id,
        sends.step_number,
        sends.channel,
        sends.contact_id,
        case
            when refused_contacts.contact_id is not null then 'no_consent'
            when not coalesce(consents.is_opted_in, channels.default_consent, false) then 'no_consent'
            when open_episodes.user_id is null then 'no_longer_lapsed'
        end as reason_code
    from sends
    left join channels
        on sends.channel = channels.channel
    left join consents
        on
            sends.user_id = consents.user_id
            and sends.channel = consents.channel
    left join refused_contacts
        on
            sends.contact_id = refused_contacts.contact_id
            and sends.channel = refused_contacts.channel
    left join open_episodes
        on
            sends.user_id = open_episodes.user_id
            and sends.line_id = open_episodes.line_id
            and sends.last_key_date = open_episodes.last_key_date

),

kept_contacts as (

    select
        contact_id,
        channel
    from judged
    where reason_code is null
    group by
        contact_id,
        channel

)

select
    judged.send_id,
    judged.campaign_id,
    judged.step_number,
    judged.channel,
    judged.contact_id,
    judged.reason_code
from judged
left join kept_contacts
    on
        judged.contact_id = kept_contacts.contact_id
        and judged.channel = kept_contacts.channel
where
    judged.reason_code is not null
    and (judged.reason_code = 'no_consent' or kept_contacts.contact_id is null)
