-- One row per user whose personas and reasons are decided tonight: the changed ones, and lapsed ones for whom a
-- listing, a price or a channel's retention is another than the build before knew.
{{ config(post_hook='{{ analyze(this) }}') }}

with

changed_users as (

    select user_id
    from {{ ref('int_users__changed') }}

),

concerned_users as (

    -- The last listing before the lapse is another one now, or gone.
    select profiles.user_id
    from {{ ref('int_category_listings__moved') }} as listings
    inner join {{ yesterday('int_episode_profiles') }} as profiles
        on
            listings.category = profiles.preferred_category
            and listings.listed_date <= profiles.lapsed_date
            and (profiles.last_listed_date is null or listings.listed_date >= profiles.last_listed_date)

    union

    select profiles.user_id
    from {{ changed_prices() }} as prices
    inner join {{ yesterday('int_episode_profiles') }} as profiles
        on
            prices.product_id = profiles.preferred_product_id
            and prices.valid_from <= profiles.lapsed_date

    union

    select profiles.user_id
    from {{ ref('int_channel_retention__moved') }} as channels
    inner join {{ yesterday('int_episode_profiles') }} as profiles
        on
            channels.acquisition_channel = profiles.acquisition_channel
            and profiles.lapsed_date >= channels.month
            and {{ month_start('profiles.lapsed_date') }} = channels.month

)

select
    coalesce(changed_users.user_id, concerned_users.user_id) as user_id,
    (changed_users.user_id is not null) as is_changed,
    (concerned_users.user_id is not null) as is_concerned
from changed_users
full join concerned_users
    on changed_users.user_id = concerned_users.user_id
