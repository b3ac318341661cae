-- One row per refund up to the as-of date, whether or not its order has arrived.
with

final as (

    select
        refunds.refund_id,
        refunds.order_id,
        refunds.refunded_at,
        {{ business_date('refunds.refunded_at') }} as refunded_date,
        refunds.amount as amount_in_order_currency,
        refunds.reason_code
    from
        {{ visible_rows('refunds', ['refund_id'], ['order_id', 'refunded_at', 'amount', 'reason_code']) }} as refunds
    where {{ business_date('refunds.refunded_at') }} <= {{ as_of_date() }}

)

select
    refund_id,
    order_id,
    refunded_at,
    refunded_date,
    amount_in_order_currency,
    reason_code
from final
