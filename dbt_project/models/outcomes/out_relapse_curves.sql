-- One row per campaign, arm, offer, reason and day after the return: how many of the returned had lapsed again by then.
{{ config(scope='all') }}

select
    campaign_id,
    arm_code,
    offer_code,
    reason_code,
    day_number,
    returned_count,
    relapsed_count,
    relapse_rate,
    second_lifetime_value_amount,
    first_lifetime_value_amount,
    is_lapsing_faster
from {{ ref('int_relapse_curves__delta') }}
