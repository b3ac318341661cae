-- Money split over lines neither appears nor vanishes: net amount and refunds of the lines sum to the order's.
with

line_sums as (

    select
        order_id,
        sum(net_amount) as net_amount
    from {{ ref('int_order_lines__split') }}
    group by order_id

)

select
    orders.order_id,
    orders.net_amount,
    line_sums.net_amount as line_net_amount
from {{ ref('int_orders__changed') }} as orders
left join line_sums
    on orders.order_id = line_sums.order_id
where
    line_sums.order_id is null
    or orders.net_amount <> line_sums.net_amount
