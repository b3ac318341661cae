-- One row per thing that happened to a touch, up to the as-of date.
with

final as (

    select
        receipts.receipt_id,
        receipts.touch_id,
        receipts.event,
        receipts.occurred_at,
        {{ business_date('receipts.occurred_at') }} as occurred_date
    from {{ visible_rows('receipts', ['receipt_id'], ['touch_id', 'event', 'occurred_at']) }} as receipts
    where {{ business_date('receipts.occurred_at') }} <= {{ as_of_date() }}

)

select
    receipt_id,
    touch_id,
    event,
    occurred_at,
    occurred_date
from final
