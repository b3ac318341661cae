-- One row per redeemed reward and the campaign that it belongs to: that of its code if it is one of ours, and then
-- it is its owner's, whoever redeemed it; else the campaign that the redemption names.
{{ config(materialized='table') }}

with

coupon_redemptions as (

    select
        redemption_id,
        campaign_id,
        user_id,
        order_id,
        reward_amount,
        is_charged
    from {{ ref('int_coupon_redemptions__delta') }}

),

named_redemptions as (

    select
        redemptions.redemption_id,
        redemptions.campaign_id,
        redemptions.user_id,
        redemptions.order_id,
        redemptions.reward_amount
    from {{ ref('stg_landing__redemptions') }} as redemptions
    left join coupon_redemptions
        on redemptions.redemption_id = coupon_redemptions.redemption_id
    where
        redemptions.campaign_id is not null
        and coupon_redemptions.redemption_id is null

)

select
    campaign_id,
    user_id,
    order_id,
    reward_amount
from coupon_redemptions
where is_charged

union all

select
    campaign_id,
    user_id,
    order_id,
    reward_amount
from named_redemptions
