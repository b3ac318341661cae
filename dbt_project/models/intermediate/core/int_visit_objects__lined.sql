-- One row per object of visits that names a line by itself: every product and every listed category.
-- A table, so that its statistics let millions of visits find their line by hashing, and all of them in one join.
{{ config(post_hook='{{ analyze(this) }}') }}

with

products as (

    select
        product_id,
        line_id
    from {{ ref('int_products__lined') }}

),

category_lines as (

    {{ category_lines_in_force() }}

),

final as (

    select
        'product' as object_type,
        product_id as object_id,
        line_id
    from products

    union all

    select
        'category' as object_type,
        category as object_id,
        line_id
    from category_lines

)

select
    object_type,
    object_id,
    line_id
from final
