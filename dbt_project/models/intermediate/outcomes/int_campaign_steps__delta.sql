-- One row per campaign, step, channel and arm: what was sent and what happened; descriptive only.
-- An imported campaign has no steps of its own: all of it is step 0.
{{ config(materialized='table') }}

with

entries as (

    select
        campaign_id,
        person_id,
        user_id
    from {{ ref('int_campaign_entries__resolved') }}
    where kind_code = 'imported'

),

touches as (

    select
        touches.campaign_id,
        touches.touch_id,
        touches.user_id,
        coalesce(touches.channel, 'unknown') as channel,
        touches.arm_code,
        touches.unit_cost
    from {{ ref('stg_landing__touches') }} as touches
    inner join entries
        on
            touches.campaign_id = entries.campaign_id
            and touches.user_id = entries.user_id
    where not touches.is_control

),

own_entries as (

    select
        audience_id,
        campaign_id,
        step_number,
        channel,
        arm_code,
        user_id,
        line_id,
        last_key_date,
        selected_date,
        state
    from {{ source('ledger', 'entries') }}
    where
        not is_held_out
        and selected_date <= {{ as_of_date() }}

),

episodes as (

    select
        user_id,
        line_id,
        last_key_date,
        returned_date
    from {{ ref('fct_lapse_episodes') }}

),

channels as (

    {{ channels_in_force() }}

),

receipts as (

    select
        touch_id,
        max(case when event = 'delivered' then 1 else 0 end) as is_delivered,
        max(case when event = 'opened' then 1 else 0 end) as is_opened,
        max(case when event = 'clicked' then 1 else 0 end) as is_clicked,
        max(case when event = 'unsubscribed' then 1 else 0 end) as is_unsubscribed
    from {{ ref('stg_landing__receipts') }}
    group by touch_id

),

own_receipts as (

    select
        audience_id,
        is_delivered,
        is_opened,
        is_clicked,
        is_unsubscribed
    from {{ ref('int_own_receipts__summed') }}

),

redeemers as (

    select
        campaign_id,
        user_id
    from {{ ref('int_redemptions__credited') }}
    group by
        campaign_id,
        user_id

),

returners as (

    select
        campaign_id,
        user_id
    from {{ ref('int_recalled_users__active') }}
    where is_returned
    group by
        campaign_id,
        user_id

),

touch_events as (

    select
        touches.campaign_id,
        touches.channel,
        touches.arm_code,
        touches.user_id,
        count(*) as sent_count,
        sum(coalesce(receipts.is_delivered, 0)) as delivered_count,
        sum(coalesce(receipts.is_opened, 0)) as opened_count,
        sum(coalesce(receipts.is_clicked, 0)) as clicked_count,
        sum(coalesce(receipts.is_unsubscribed, 0)) as unsubscribed_count,
        sum(touches.unit_cost) as cost_amount
    from touches
    left join receipts
        on touches.touch_id = receipts.touch_id
    group by
        touches.campaign_id,
        touches.channel,
        touches.arm_code,
        touches.user_id

),

imported_steps as (

    select
        touch_events.campaign_id,
        0 as step_number,
        touch_events.channel,
        touch_events.arm_code,
        count(*) as member_count,
        sum(touch_events.sent_count) as sent_count,
        sum(touch_events.delivered_count) as delivered_count,
        sum(touch_events.opened_count) as opened_count,
        sum(touch_events.clicked_count) as clicked_count,
        sum(touch_events.unsubscribed_count) as unsubscribed_count,
        count(redeemers.user_id) as redeemed_count,
        count(returners.user_id) as returned_count,
        sum(touch_events.cost_amount) as cost_amount
    from touch_events
    left join redeemers
        on
            touch_events.campaign_id = redeemers.campaign_id
            and touch_events.user_id = redeemers.user_id
    left join returners
        on
            touch_events.campaign_id = returners.campaign_id
            and touch_events.user_id = returners.user_id
    group by
        touch_events.campaign_id,
        touch_events.channel,
        touch_events.arm_code

),

own_steps as (

    select
        entries.campaign_id,
        entries.step_number,
        entries.channel,
        entries.arm_code,
        count(*) as member_count,
        sum(case when entries.state = 'sent' then 1 else 0 end) as sent_count,
        sum(coalesce(own_receipts.is_delivered, 0)) as delivered_count,
        sum(coalesce(own_receipts.is_opened, 0)) as opened_count,
        sum(coalesce(own_receipts.is_clicked, 0)) as clicked_count,
        sum(coalesce(own_receipts.is_unsubscribed, 0)) as unsubscribed_count,
        count(distinct redeemers.user_id) as redeemed_count,
        sum(case when episodes.returned_date >= entries.selected_date then 1 else 0 end) as returned_count,
        sum(case when entries.state = 'sent' then channels.unit_cost_amount else 0 end) as cost_amount
    from own_entries as entries
    left join own_receipts
        on entries.audience_id = own_receipts.audience_id
    left join redeemers
        on
            entries.campaign_id = redeemers.campaign_id
            and entries.user_id = redeemers.user_id
    left join episodes
        on
            entries.user_id = episodes.user_id
            and entries.line_id = episodes.line_id
            and entries.last_key_date = episodes.last_key_date
    left join channels
        on entries.channel = channels.channel
    group by
        entries.campaign_id,
        entries.step_number,
        entries.channel,
        entries.arm_code

),

steps as (

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
    from imported_steps

    union all

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
    from own_steps

),

final as (

    select
        campaign_id,
        step_number,
        channel,
        arm_code,
        cast(member_count as integer) as member_count,
        cast(sent_count as integer) as sent_count,
        cast(delivered_count as integer) as delivered_count,
        cast(opened_count as integer) as opened_count,
        cast(clicked_count as integer) as clicked_count,
        cast(unsubscribed_count as integer) as unsubscribed_count,
        cast(redeemed_count as integer) as redeemed_count,
        cast(returned_count as integer) as returned_count,
        cost_amount
    from steps

)

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
from final
