-- One row per profiled episode with goods that still serve at the lapse: for how many days more.
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

lifetimes as (

    {{ category_lifetimes_in_force() }}

),

goods as (

    select
        items.user_id,
        items.line_id,
        items.product_id,
        items.ordered_date,
        {{ add_days('items.ordered_date', 'lifetimes.lifetime_days') }} as served_until_date
    from {{ ref('int_profile_items__gathered') }} as items
    inner join lifetimes
        on items.category = lifetimes.category

)

select
    episodes.user_id,
    episodes.line_id,
    episodes.last_key_date,
    'need_covered_days' as signal_code,
    cast(
        max({{ days_between('episodes.lapsed_date', 'goods.served_until_date') }}) as {{ numeric_type() }}
    ) as signal_value,
    {{ json_date('goods_serve_until_date', 'max(goods.served_until_date)') }}
    || ', ' || {{ json_ids('long_lived_product_ids', 'goods.product_id') }} as members
from episodes
inner join goods
    on
        episodes.user_id = goods.user_id
        and episodes.line_id = goods.line_id
        and episodes.lapsed_date >= goods.ordered_date
        and episodes.lapsed_date < goods.served_until_date
group by
    episodes.user_id,
    episodes.line_id,
    episodes.last_key_date
