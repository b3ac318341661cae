-- The items that are new or changed since the served build.
select
    order_id,
    product_id,
    quantity,
    net_amount
from raw.order_items
where order_items._load_id > coalesce((select published.load_id from control.published), 0)
