-- One row per followed campaign, person and day with orders, counted from the entry; day -1 is all days before that
-- explain the outcome in part.
{{ config(materialized='table') }}

with

entry_users as (

    select
        campaign_id,
        person_id,
        user_id,
        is_control,
        assigned_at,
        assigned_date,
        end_date
    from {{ ref('int_entry_users__followed') }}

),

rules as (

    {{ effect_rules_in_force() }}

),

orders as (

    select
        order_id,
        user_id,
        ordered_at,
        ordered_date,
        net_amount,
        contribution_amount,
        discount_amount
    from {{ ref('fct_orders') }}
    where is_valid

),

campaign_rewards as (

    select
        campaign_id,
        order_id,
        reward_amount
    from {{ ref('int_campaign_rewards__booked') }}
    where order_id is not null

),

order_rewards as (

    select
        campaign_id,
        order_id,
        sum(reward_amount) as reward_amount
    from campaign_rewards
    group by
        campaign_id,
        order_id

),

entry_orders as (

    select
        entry_users.campaign_id,
        entry_users.person_id,
        entry_users.is_control,
        orders.order_id,
        greatest({{ days_between('entry_users.assigned_date', 'orders.ordered_date') }}, -1) as day_number,
        orders.net_amount,
        orders.contribution_amount,
        orders.discount_amount
    from entry_users
    cross join rules
    inner join orders
        on
            entry_users.user_id = orders.user_id
            and {{ add_days('entry_users.assigned_date', '- rules.covariate_days') }} <= orders.ordered_date
            and entry_users.end_date > orders.ordered_date
    where
        entry_users.assigned_date > orders.ordered_date
        or entry_users.assigned_at <= orders.ordered_at

),

-- A reward that is inside the discount is in the campaign's cost, so it must not lessen the contribution as well.
final as (

    select
        entry_orders.campaign_id,
        entry_orders.person_id,
        entry_orders.day_number,
        count(*) as order_count,
        sum(entry_orders.net_amount) as net_amount,
        sum(
            entry_orders.contribution_amount
            + case
                when entry_orders.is_control or entry_orders.day_number < 0 then 0
                else least(coalesce(order_rewards.reward_amount, 0), coalesce(entry_orders.discount_amount, 0))
            end
        ) as contribution_amount
    from entry_orders
    left join order_rewards
        on
            entry_orders.campaign_id = order_rewards.campaign_id
            and entry_orders.order_id = order_rewards.order_id
    group by
        entry_orders.campaign_id,
        entry_orders.person_id,
        entry_orders.day_number

)

select
    campaign_id,
    person_id,
    day_number,
    order_count,
    {{ plain_amount('net_amount') }} as net_amount,
    {{ plain_amount('contribution_amount') }} as contribution_amount
from final
