-- One row per line of an order, whether or not the order has arrived.
with

final as (

    select
        order_items.order_id,
        order_items.line_number,
        order_items.product_id,
        order_items.quantity,
        order_items.net_amount as net_amount_in_order_currency
    from
        {{ visible_rows(
            'order_items',
            ['order_id', 'line_number'],
            ['product_id', 'quantity', 'net_amount'],
        ) }} as order_items

)

select
    order_id,
    line_number,
    product_id,
    quantity,
    net_amount_in_order_currency
from final
