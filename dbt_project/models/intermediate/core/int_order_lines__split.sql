-- One row per order of tonight and line that it belongs to, with the line's part of the order's money.
{{ config(post_hook='{{ analyze(this) }}') }}

with

orders as (

    select
        order_id,
        user_id,
        ordered_date,
        is_valid,
        is_replaced,
        net_amount,
        exchange_rate
    from {{ ref('int_orders__changed') }}

),

items as (

    select
        order_id,
        product_id,
        quantity,
        net_amount_in_order_currency
    from {{ rows_of_orders(ref('stg_landing__order_items'), ref('int_orders__changed')) }}

),

products as (

    select
        product_id,
        line_id,
        unit_cost
    from {{ ref('int_products__lined') }}

),

lines as (

    select
        line_id,
        margin_rate
    from {{ ref('int_lines__delta') }}

),

refunds as (

    select
        order_id,
        sum(amount_in_order_currency) as amount_in_order_currency
    from {{ rows_of_orders(ref('stg_landing__refunds'), ref('int_orders__changed')) }}
    group by order_id

),

-- A refund above the order gives back the order, not more.
refunded_orders as (

    select
        orders.order_id,
        orders.user_id,
        orders.ordered_date,
        orders.is_valid,
        orders.is_replaced,
        orders.net_amount,
        orders.exchange_rate,
        least(
            orders.net_amount,
            coalesce({{ converted_amount('refunds.amount_in_order_currency', 'orders.exchange_rate') }}, 0)
        ) as refunded_amount
    from orders
    left join refunds
        on orders.order_id = refunds.order_id

),

-- An order without items is one piece of line all; an unknown product belongs to it as well.
pieces as (

    select
        refunded_orders.order_id,
        coalesce(products.line_id, 'all') as line_id,
        case
            when items.order_id is null then refunded_orders.net_amount
            else {{ converted_amount('items.net_amount_in_order_currency', 'refunded_orders.exchange_rate') }}
        end as net_amount,
        items.quantity * products.unit_cost as known_cost_amount
    from refunded_orders
    left join items
        on refunded_orders.order_id = items.order_id
    left join products
        on items.product_id = products.product_id

),

line_pieces as (

    select
        pieces.order_id,
        pieces.line_id,
        sum(pieces.net_amount) as weight,
        sum(coalesce(pieces.known_cost_amount, pieces.net_amount * (1 - lines.margin_rate))) as cost_amount
    from pieces
    inner join lines
        on pieces.line_id = lines.line_id
    group by
        pieces.order_id,
        pieces.line_id

),

shares as (

    select
        order_id,
        line_id,
        cost_amount,
        case
            when sum(weight) over (partition by order_id) = 0
                then cast(1 as {{ numeric_type() }}) / count(*) over (partition by order_id)
            else weight / sum(weight) over (partition by order_id)
        end as share,
        row_number() over (partition by order_id order by line_id) as line_number
    from line_pieces

),

parts as (

    select
        refunded_orders.order_id,
        shares.line_id,
        refunded_orders.user_id,
        refunded_orders.ordered_date,
        refunded_orders.is_valid,
        refunded_orders.is_replaced,
        shares.line_number,
        shares.cost_amount,
        refunded_orders.net_amount as order_net_amount,
        refunded_orders.refunded_amount as order_refunded_amount,
        round(refunded_orders.net_amount * shares.share, 2) as net_amount,
        round(refunded_orders.refunded_amount * shares.share, 2) as refunded_amount
    from refunded_orders
    inner join shares
        on refunded_orders.order_id = shares.order_id

),

-- What rounding leaves over goes to the first line, so that the lines sum to the order.
final as (

    select
        order_id,
        line_id,
        user_id,
        ordered_date,
        is_valid,
        is_replaced,
        cost_amount,
        net_amount + case
            when line_number = 1 then order_net_amount - sum(net_amount) over (partition by order_id)
            else 0
        end as net_amount,
        refunded_amount + case
            when line_number = 1 then order_refunded_amount - sum(refunded_amount) over (partition by order_id)
            else 0
        end as refunded_amount
    from parts

)

select
    order_id,
    line_id,
    user_id,
    ordered_date,
    is_valid,
    is_replaced,
    {{ plain_amount('net_amount') }} as net_amount,
    {{ plain_amount('refunded_amount') }} as refunded_amount,
    {{ plain_amount('cost_amount') }} as cost_amount,
    {{ plain_amount(contribution('net_amount', 'refunded_amount', 'cost_amount')) }} as contribution_amount
from final
