-- One row per person, contact and contact cap of a candidate: the messages that count for it before tonight's.
-- What is claimed, sent or unknown counts, of every campaign; what a night before did not send does not.
{{ config(materialized='table', post_hook=analyze(this)) }}

with

receivers as (

    select
        person_id,
        contact_id
    from {{ ref('int_choices__reached') }}
    where contact_id is not null
    group by
        person_id,
        contact_id

),

windows as (

    select
        channel,
        window_days
    from ({{ contact_caps_of_campaigns() }}) as caps
    group by
        channel,
        window_days

),

-- Each message once, whether the person or the contact leads to it: persons are never merged, but come to share one.
touches as (

    select
        receivers.person_id,
        receivers.contact_id,
        sends.send_id,
        sends.channel,
        sends.selected_date
    from receivers
    inner join {{ source('ledger', 'sends') }} as sends
        on receivers.person_id = sends.person_id
    where sends.state in ('claimed', 'sent', 'unknown')

    union

    select
        receivers.person_id,
        receivers.contact_id,
        sends.send_id,
        sends.channel,
        sends.selected_date
    from receivers
    inner join {{ source('ledger', 'sends') }} as sends
        on receivers.contact_id = sends.contact_id
    where sends.state in ('claimed', 'sent', 'unknown')

)

select
    touches.person_id,
    touches.contact_id,
    windows.channel,
    windows.window_days,
    count(*) as message_count
from touches
inner join windows
    on
        {{ is_capped_channel('windows.channel', 'touches.channel') }}
        and {{ is_in_cap_window('touches.selected_date', 'windows.window_days') }}
group by
    touches.person_id,
    touches.contact_id,
    windows.channel,
    windows.window_days
