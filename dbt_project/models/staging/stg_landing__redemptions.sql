-- One row per reward that a user redeemed up to the as-of date.
with

redemptions as (

    select
        redemptions.redemption_id,
        redemptions.user_id,
        redemptions.redeemed_at,
        redemptions.campaign_id,
        redemptions.coupon_code,
        redemptions.order_id,
        redemptions.reward_amount
    from
        {{ visible_rows(
            'redemptions',
            ['redemption_id'],
            ['user_id', 'redeemed_at', 'campaign_id', 'coupon_code', 'order_id', 'reward_amount'],
        ) }} as redemptions

),

user_merges as (

    select
        user_id,
        merged_into
    from {{ ref('stg_landing__user_merges') }}

),

final as (

    select
        redemptions.redemption_id,
        coalesce(user_merges.merged_into, redemptions.user_id) as user_id,
        redemptions.user_id as source_user_id,
        redemptions.redeemed_at,
        {{ business_date('redemptions.redeemed_at') }} as redeemed_date,
        redemptions.campaign_id,
        redemptions.coupon_code,
        redemptions.order_id,
        redemptions.reward_amount
    from redemptions
    left join user_merges
        on redemptions.user_id = user_merges.user_id
    where
        {{ business_date('redemptions.redeemed_at') }} <= {{ as_of_date() }}
        and {{ is_known_user('redemptions.user_id') }}
        and (
            redemptions.order_id is null
            or exists (
                select 1
                from {{ source('raw', 'orders') }} as known_orders
                where known_orders.order_id = redemptions.order_id
            )
        )

)

select
    redemption_id,
    user_id,
    source_user_id,
    redeemed_at,
    redeemed_date,
    campaign_id,
    coupon_code,
    order_id,
    reward_amount
from final
