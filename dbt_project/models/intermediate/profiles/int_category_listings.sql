-- One row per category and day on which a product of it was newly listed.
{{ config(materialized='published', scope='all', contract={'enforced': true}) }}

select
    category,
    listed_date
from {{ ref('int_category_listings__delta') }}
