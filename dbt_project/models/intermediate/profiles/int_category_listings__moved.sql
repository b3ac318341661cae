-- One row per category and listing day that appeared or vanished since the build before.
{{ config(post_hook='{{ analyze(this) }}') }}

select
    coalesce(listings.category, earlier_listings.category) as category,
    coalesce(listings.listed_date, earlier_listings.listed_date) as listed_date
from {{ ref('int_category_listings__delta') }} as listings
full join {{ yesterday('int_category_listings') }} as earlier_listings
    on
        listings.category = earlier_listings.category
        and listings.listed_date = earlier_listings.listed_date
where
    listings.category is null
    or earlier_listings.category is null
