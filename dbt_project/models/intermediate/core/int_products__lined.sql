-- One row per product: the line that its category belongs to.
{{ config(post_hook='{{ analyze(this) }}') }}

with

products as (

    select
        product_id,
        category,
        unit_cost,
        listed_date
    from {{ ref('stg_landing__products') }}

),

category_lines as (

    {{ category_lines_in_force() }}

),

final as (

    select
        products.product_id,
        products.category,
        products.unit_cost,
        products.listed_date,
        coalesce(category_lines.line_id, 'all') as line_id
    from products
    left join category_lines
        on products.category = category_lines.category

)

select
    product_id,
    category,
    unit_cost,
    listed_date,
    line_id
from final
