-- One row per redeemed reward and campaign that it is charged to: its own, and for ours that of all campaigns.
{{ config(materialized='table') }}

with

redemptions as (

    select
        campaign_id,
        user_id,
        order_id,
        reward_amount
    from {{ ref('int_redemptions__credited') }}

),

own_campaigns as (

    select campaign_id
    from {{ ref('int_campaign_windows__listed') }}
    where kind_code = 'own'
    group by campaign_id

)

select
    campaign_id,
    user_id,
    order_id,
    reward_amount
from redemptions

union all

select
    {{ program_campaign_id() }} as campaign_id,
    redemptions.user_id,
    redemptions.order_id,
    redemptions.reward_amount
from redemptions
inner join own_campaigns
    on redemptions.campaign_id = own_campaigns.campaign_id
