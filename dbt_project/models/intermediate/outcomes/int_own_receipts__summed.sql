-- One row per entry of our own that was sent and of which something was told up to the as-of date.
{{ config(materialized='table') }}

with

sends as (

    select
        send_id,
        audience_id
    from {{ source('ledger', 'sends') }}
    where state = 'sent'

),

receipts as (

    select
        send_id,
        event
    from {{ source('ledger', 'receipts') }}
    where
        send_id is not null
        and {{ business_date('occurred_at') }} <= {{ as_of_date() }}

),

final as (

    select
        sends.audience_id,
        max(case when receipts.event = 'delivered' then 1 else 0 end) as is_delivered,
        max(case when receipts.event = 'opened' then 1 else 0 end) as is_opened,
        max(case when receipts.event = 'clicked' then 1 else 0 end) as is_clicked,
        max(case when receipts.event = 'unsubscribed' then 1 else 0 end) as is_unsubscribed
    from sends
    inner join receipts
        on sends.send_id = receipts.send_id
    group by sends.audience_id

)

select
    audience_id,
    is_delivered,
    is_opened,
    is_clicked,
    is_unsubscribed
from final
