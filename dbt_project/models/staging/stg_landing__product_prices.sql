-- One row per product and day from which a list price holds, up to the as-of date.
with

final as (

    select
        product_prices.product_id,
        product_prices.valid_from,
        product_prices.list_price
    from {{ visible_rows('product_prices', ['product_id', 'valid_from'], ['list_price']) }} as product_prices
    where product_prices.valid_from <= {{ as_of_date() }}

)

select
    product_id,
    valid_from,
    list_price
from final
