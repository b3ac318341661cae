-- One row per campaign, step, channel and arm: what was sent and what happened; descriptive only.
{{ config(scope='all') }}

select
    campaign_id,
    step_number,
    channel,
    arm_code,
    member_count,
    sent_count,
    delivered_count,
    opened_count,
    clicked_count,
    unsubscribed_count,
    redeemed_count,
    returned_count,
    cost_amount
from {{ ref('int_campaign_steps__delta') }}
