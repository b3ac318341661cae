-- One row per profiled episode: the category and product that the customer ordered most, what was last listed in the
-- one, and what the other cost when last ordered and at the lapse.
{{ config(post_hook='{{ analyze(this) }}') }}

with

episodes as (

    select
        user_id,
        line_id,
        last_key_date,
        lapsed_date
    from {{ ref('int_episodes__profiled') }}

),

categories as (

    select
        user_id,
        line_id,
        last_key_date,
        category
    from {{ ref('int_episode_categories__ranked') }}
    where rank_number = 1

),

products as (

    select
        user_id,
        line_id,
        last_key_date,
        product_id,
        last_ordered_date
    from {{ ref('int_episode_products__ranked') }}
    where rank_number = 1

),

listings as (

    select
        category,
        listed_date,
        lead(listed_date) over (partition by category order by listed_date) as next_listed_date
    from {{ ref('int_category_listings__delta') }}

),

prices as (

    select
        product_id,
        list_price,
        valid_from,
        lead(valid_from) over (partition by product_id order by valid_from) as valid_to
    from {{ ref('stg_landing__product_prices') }}

)

select
    episodes.user_id,
    episodes.line_id,
    episodes.last_key_date,
    categories.category as preferred_category,
    listings.listed_date as last_listed_date,
    products.product_id as preferred_product_id,
    products.last_ordered_date as product_last_ordered_date,
    ordered_prices.list_price as list_price_when_ordered,
    lapsed_prices.list_price as list_price_when_lapsed
from episodes
left join categories
    on
        episodes.user_id = categories.user_id
        and episodes.line_id = categories.line_id
        and episodes.last_key_date = categories.last_key_date
left join listings
    on
        categories.category = listings.category
        and episodes.lapsed_date >= listings.listed_date
        and (listings.next_listed_date is null or episodes.lapsed_date < listings.next_listed_date)
left join products
    on
        episodes.user_id = products.user_id
        and episodes.line_id = products.line_id
        and episodes.last_key_date = products.last_key_date
left join prices as ordered_prices
    on
        products.product_id = ordered_prices.product_id
        and products.last_ordered_date >= ordered_prices.valid_from
        and (ordered_prices.valid_to is null or products.last_ordered_date < ordered_prices.valid_to)
left join prices as lapsed_prices
    on
        products.product_id = lapsed_prices.product_id
        and episodes.lapsed_date >= lapsed_prices.valid_from
        and (lapsed_prices.valid_to is null or episodes.lapsed_date < lapsed_prices.valid_to)
