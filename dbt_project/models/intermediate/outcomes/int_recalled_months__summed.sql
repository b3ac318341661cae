-- One row per month of the first entry and channel of recall: how many were recalled, and what that caused and cost.
{{ config(materialized='table') }}

{%- set columns = [
    'campaign_id', 'person_id', 'user_id', 'arm_code', 'is_control', 'channel', 'kind_code', 'last_key_date',
    'assigned_date', 'window_days', 'is_matured', 'contribution_amount', 'is_returned', 'returned_date', 'cost_amount',
    'unknown_cost_count',
] %}

with

longest_window as (

    select max(window_days) as window_days
    from ({{ outcome_windows_in_force() }}) as outcome_windows

),

recalled_users as (

    select
        recalled_users.campaign_id,
        recalled_users.person_id,
        recalled_users.arm_code,
        {{ month_start('recalled_users.assigned_date') }} as month,
        coalesce(recalled_users.channel, 'unknown') as channel,
        recalled_users.is_matured,
        (recalled_users.is_matured and recalled_users.last_key_date is not null) as is_aimed,
        (recalled_users.is_matured and recalled_users.is_returned) as is_returned,
        recalled_users.contribution_amount,
        recalled_users.cost_amount,
        recalled_users.unknown_cost_count,
        recalled_users.user_id,
        {{ add_days('recalled_users.returned_date', balance_retention_day()) }} as retention_date
    from {{ tonight('out_recalled_users', columns) }} as recalled_users
    inner join longest_window
        on recalled_users.window_days = longest_window.window_days
    where
        not recalled_users.is_control
        -- Whoever is in a campaign of ours is in that of all of them as well.
        and recalled_users.kind_code <> 'program'

),

effects as (

    select
        effects.campaign_id,
        effects.arm_code,
        effects.lift,
        effects.not_estimable_reason
    from {{ ref('int_campaign_effects__delta') }} as effects
    inner join longest_window
        on effects.window_days = longest_window.window_days
    where
        effects.segment_type = 'all'
        and effects.metric_code = 'return_rate'

),

active_days as (

    select
        user_id,
        activity_date
    from {{ ref('fct_user_days') }}
    where line_id = 'any'

),

arms as (

    select
        recalled_users.month,
        recalled_users.channel,
        recalled_users.campaign_id,
        recalled_users.arm_code,
        count(*) as recalled_count,
        sum(case when recalled_users.is_matured then 1 else 0 end) as matured_count,
        sum(case when recalled_users.is_aimed then 1 else 0 end) as aimed_count,
        sum(case when recalled_users.is_returned then 1 else 0 end) as returned_count,
        sum(case when recalled_users.is_returned then recalled_users.contribution_amount else 0 end)
            as contribution_amount,
        sum(
            case
                when recalled_users.is_returned and recalled_users.retention_date <= {{ as_of_date() }} then 1
                else 0
            end
        ) as followed_count,
        sum(case when recalled_users.is_returned and active_days.user_id is not null then 1 else 0 end) as active_count,
        sum(case when recalled_users.is_matured then coalesce(recalled_users.cost_amount, 0) else 0 end) as cost_amount,
        sum(case when recalled_users.is_matured then recalled_users.unknown_cost_count else 0 end)
            as unknown_cost_count
    from recalled_users
    left join active_days
        on
            recalled_users.user_id = active_days.user_id
            and recalled_users.retention_date = active_days.activity_date
    group by
        recalled_users.month,
        recalled_users.channel,
        recalled_users.campaign_id,
        recalled_users.arm_code

),

caused as (

    select
        arms.month,
        arms.channel,
        arms.recalled_count,
        arms.matured_count,
        arms.returned_count,
        arms.contribution_amount,
        arms.followed_count,
        arms.active_count,
        arms.cost_amount,
        arms.unknown_cost_count,
        -- Where nobody had lapsed, nobody could return.
        case when arms.aimed_count = 0 then 0 else arms.aimed_count * effects.lift end as caused_count,
        case
            when arms.aimed_count = 0 then null
            when effects.campaign_id is null then 'no effect was measured'
            else effects.not_estimable_reason
        end as not_estimable_reason
    from arms
    left join effects
        on
            arms.campaign_id = effects.campaign_id
            and arms.arm_code = effects.arm_code

)

select
    month,
    channel,
    cast(sum(recalled_count) as integer) as recalled_count,
    cast(sum(recalled_count - matured_count) as integer) as immature_count,
    cast(sum(returned_count) as integer) as returned_count,
    -- What one arm caused is not known: then neither is the sum.
    case when sum(matured_count) > 0 and count(not_estimable_reason) = 0 then round(sum(caused_count), 2) end
        as caused_return_count,
    case when sum(matured_count) > 0 and sum(unknown_cost_count) = 0 then {{ plain_amount('sum(cost_amount)') }} end
        as cost_amount,
    case when sum(matured_count) > 0 then {{ plain_amount('sum(contribution_amount)') }} end as contribution_amount,
    round(cast(sum(active_count) as {{ numeric_type() }}) / nullif(sum(followed_count), 0), 6) as retention_rate_30d,
    case when sum(matured_count) > 0 then min(not_estimable_reason) else 'no window has ended' end
        as not_estimable_reason
from caused
group by
    month,
    channel
