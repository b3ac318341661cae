-- One row per product.
with

final as (

    select
        products.product_id,
        products.category,
        products.name,
        products.brand,
        products.list_price,
        products.unit_cost,
        products.listed_at,
        {{ business_date('products.listed_at') }} as listed_date
    from
        {{ visible_rows(
            'products', ['product_id'], ['category', 'name', 'brand', 'list_price', 'unit_cost', 'listed_at']
        ) }} as products

)

select
    product_id,
    category,
    name,
    brand,
    list_price,
    unit_cost,
    listed_at,
    listed_date
from final
