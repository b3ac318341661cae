-- One row per campaign and recalled person with a cost: what contacts and rewards cost, as far as somebody said.
{{ config(materialized='table') }}

with

entries as (

    select
        campaign_id,
        person_id,
        user_id,
        kind_code
    from {{ ref('int_campaign_entries__resolved') }}
    where not is_control

),

entry_users as (

    select
        campaign_id,
        person_id,
        user_id
    from {{ ref('int_entry_users__listed') }}
    where not is_control

),

touches as (

    select
        campaign_id,
        user_id,
        unit_cost
    from {{ ref('stg_landing__touches') }}
    where not is_control

),

sends as (

    select
        campaign_id,
        person_id,
        channel
    from {{ source('ledger', 'entries') }}
    where
        state = 'sent'
        and selected_date <= {{ as_of_date() }}

),

channels as (

    {{ channels_in_force() }}

),

rewards as (

    select
        campaign_id,
        user_id,
        reward_amount
    from {{ ref('int_campaign_rewards__booked') }}

),

costs as (

    select
        entries.campaign_id,
        entries.person_id,
        touches.unit_cost as cost_amount
    from entries
    inner join touches
        on
            entries.campaign_id = touches.campaign_id
            and entries.user_id = touches.user_id
    where entries.kind_code = 'imported'

    union all

    -- What any campaign of ours sent to a person is a cost of that campaign and of all of them.
    select
        entries.campaign_id,
        entries.person_id,
        channels.unit_cost_amount as cost_amount
    from entries
    inner join sends
        on
            entries.person_id = sends.person_id
            and (entries.campaign_id = sends.campaign_id or entries.kind_code = 'program')
    left join channels
        on sends.channel = channels.channel
    where entries.kind_code <> 'imported'

    union all

    -- A person may have several users; what any of them redeems is paid for.
    select
        entry_users.campaign_id,
        entry_users.person_id,
        rewards.reward_amount as cost_amount
    from entry_users
    inner join rewards
        on
            entry_users.campaign_id = rewards.campaign_id
            and entry_users.user_id = rewards.user_id

)

select
    campaign_id,
    person_id,
    {{ plain_amount('sum(cost_amount)') }} as cost_amount,
    sum(case when cost_amount is null then 1 else 0 end) as unknown_cost_count
from costs
group by
    campaign_id,
    person_id
