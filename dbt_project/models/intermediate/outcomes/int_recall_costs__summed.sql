-- One row per campaign and recalled person with a cost: what contacts and rewards cost, as far as somebody said.
{{ config(materialized='table') }}

with

entries as (

    select
        campaign_id,
        person_id,
        user_id,
        is_imported
    from {{ ref('int_campaign_entries__resolved') }}
    where not is_control

),

persons as (

    select
        user_id,
        person_id
    from {{ source('ledger', 'persons') }}

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

redemptions as (

    select
        campaign_id,
        user_id,
        reward_amount
    from {{ ref('stg_landing__redemptions') }}
    where campaign_id is not null

),

-- A person may have several users; what any of them redeems is paid for.
entry_users as (

    select
        campaign_id,
        person_id,
        user_id
    from entries
    where is_imported

    union all

    select
        entries.campaign_id,
        entries.person_id,
        persons.user_id
    from entries
    inner join persons
        on entries.person_id = persons.person_id
    where not entries.is_imported

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
    where entries.is_imported

    union all

    select
        sends.campaign_id,
        sends.person_id,
        channels.unit_cost_amount as cost_amount
    from sends
    left join channels
        on sends.channel = channels.channel

    union all

    select
        entry_users.campaign_id,
        entry_users.person_id,
        redemptions.reward_amount as cost_amount
    from entry_users
    inner join redemptions
        on
            entry_users.campaign_id = redemptions.campaign_id
            and entry_users.user_id = redemptions.user_id

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
