-- One row per redemption that names a code of ours: whose coupon it was, and what is to be said of it.
{{ config(materialized='table') }}

with

redemptions as (

    select
        redemption_id,
        user_id,
        source_user_id,
        redeemed_at,
        redeemed_date,
        order_id,
        reward_amount,
        {{ plain_coupon_code('coupon_code') }} as coupon_code
    from {{ ref('stg_landing__redemptions') }}
    where coupon_code is not null

),

coupons as (

    select
        coupon_code,
        campaign_id,
        person_id,
        user_id,
        offer_code,
        issued_date,
        valid_from_date,
        valid_until_date,
        reward_amount
    from {{ source('ledger', 'coupons') }}
    where issued_date <= {{ as_of_date() }}

),

persons as (

    select
        user_id,
        person_id
    from {{ source('ledger', 'persons') }}

),

user_merges as (

    select
        user_id,
        merged_into
    from {{ ref('stg_landing__user_merges') }}

),

-- A redemption that names no amount took off what the coupon promises.
matched as (

    select
        redemptions.redemption_id,
        redemptions.redeemed_at,
        redemptions.redeemed_date,
        redemptions.order_id,
        coalesce(redemptions.reward_amount, coupons.reward_amount) as reward_amount,
        redemptions.user_id as redeeming_user_id,
        coalesce(persons.person_id, redemptions.source_user_id) as redeeming_person_id,
        coupons.coupon_code,
        coupons.campaign_id,
        coupons.person_id,
        coalesce(user_merges.merged_into, coupons.user_id) as user_id,
        coupons.offer_code,
        coupons.issued_date,
        coupons.valid_from_date,
        coupons.valid_until_date
    from redemptions
    inner join coupons
        on redemptions.coupon_code = coupons.coupon_code
    left join persons
        on redemptions.source_user_id = persons.user_id
    left join user_merges
        on coupons.user_id = user_merges.user_id

),

numbered as (

    select
        redemption_id,
        redeemed_date,
        order_id,
        reward_amount,
        redeeming_user_id,
        campaign_id,
        person_id,
        user_id,
        offer_code,
        issued_date,
        valid_from_date,
        valid_until_date,
        (redeeming_user_id = user_id or redeeming_person_id = person_id) as is_own,
        row_number() over (
            partition by coupon_code
            order by redeemed_at, redemption_id
        ) as redemption_number,
        row_number() over (
            partition by coupon_code, order_id
            order by redeemed_at, redemption_id
        ) as order_redemption_number
    from matched

),

-- What was given away is paid for, also where it should have been refused; one order told twice is one order.
final as (

    select
        redemption_id,
        campaign_id,
        person_id,
        user_id,
        offer_code,
        issued_date,
        valid_from_date,
        valid_until_date,
        redeeming_user_id,
        redeemed_date,
        order_id,
        reward_amount,
        {{ coupon_check('redemption_number', 'redeemed_date', 'valid_from_date', 'valid_until_date', 'is_own') }}
            as check_code,
        (order_id is null or order_redemption_number = 1) as is_charged
    from numbered

)

select
    redemption_id,
    campaign_id,
    person_id,
    user_id,
    offer_code,
    issued_date,
    valid_from_date,
    valid_until_date,
    redeeming_user_id,
    redeemed_date,
    order_id,
    reward_amount,
    check_code,
    is_charged
from final
