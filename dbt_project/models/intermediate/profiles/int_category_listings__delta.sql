-- One row per category and day on which a product of it was newly listed, as known tonight.
{{ config(post_hook='{{ analyze(this) }}') }}

select
    category,
    listed_date
from {{ ref('int_products__lined') }}
where listed_date is not null
group by
    category,
    listed_date
