-- One row per redemption that names a code of ours: whose coupon it was, and what is to be said of it.
{{ config(scope='all') }}

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
from {{ ref('int_coupon_redemptions__delta') }}
