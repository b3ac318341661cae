-- The orders that are new or changed since the served build.
select
    orders.user_id,
    orders.ordered_at,
    orders.net_amount,
    orders.status,
    orders.ordered_at > statement_timestamp() as is_in_future,
    orders.currency_code is not null
    and coalesce(orders.currency_code <> (select workspace.currency_code from control.workspace), true)
    and not exists (
        select 1
        from definitions.exchange_rates
        where exchange_rates.currency_code = orders.currency_code
    ) as has_unknown_currency
from raw.orders
where orders._load_id > coalesce((select published.load_id from control.published), 0)
