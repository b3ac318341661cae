-- One row per profiled episode and signal of what the customer preferred: the last listing in the category, and the
-- rise of the product's list price since it was last ordered.
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

preferences as (

    select
        user_id,
        line_id,
        last_key_date,
        preferred_category,
        last_listed_date,
        preferred_product_id,
        product_last_ordered_date,
        list_price_when_ordered,
        list_price_when_lapsed
    from {{ ref('int_episode_preferences__found') }}

)

select
    preferences.user_id,
    preferences.line_id,
    preferences.last_key_date,
    'days_since_new_listing' as signal_code,
    cast(
        {{ days_between('preferences.last_listed_date', 'episodes.lapsed_date') }} as {{ numeric_type() }}
    ) as signal_value,
    {{ json_text('preferred_category', 'preferences.preferred_category') }}
    || ', ' || {{ json_date('last_listed_date', 'preferences.last_listed_date') }}
    || ', ' || {{ json_number(
        'days_since_new_listing', days_between('preferences.last_listed_date', 'episodes.lapsed_date')
    ) }} as members
from preferences
inner join episodes
    on
        preferences.user_id = episodes.user_id
        and preferences.line_id = episodes.line_id
        and preferences.last_key_date = episodes.last_key_date
where preferences.last_listed_date is not null

union all

select
    user_id,
    line_id,
    last_key_date,
    'list_price_rise_rate' as signal_code,
    list_price_when_lapsed / list_price_when_ordered - 1 as signal_value,
    {{ json_text('preferred_product_id', 'preferred_product_id') }}
    || ', ' || {{ json_date('product_last_ordered_date', 'product_last_ordered_date') }}
    || ', ' || {{ json_number('list_price_when_ordered', plain_amount('list_price_when_ordered')) }}
    || ', ' || {{ json_number('list_price_when_lapsed', plain_amount('list_price_when_lapsed')) }} as members
from preferences
where list_price_when_ordered > 0
