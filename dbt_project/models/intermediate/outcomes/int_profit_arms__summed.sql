-- One row per campaign, arm or control, over the campaign's own window: the sums that returns and profit are made of.
{{ config(materialized='table') }}

with

recalled_users as (

    select
        campaign_id,
        person_id,
        comparison_code,
        case when is_control then 'control' else arm_code end as arm_code,
        is_control,
        window_days,
        is_matured,
        line_id is not null as is_aimed,
        is_returned,
        cast(contribution_amount as {{ numeric_type() }}) as contribution_amount
    from {{ ref('int_recalled_users__delta') }}
    where is_campaign_window

),

costs as (

    select
        campaign_id,
        person_id,
        cost_amount,
        unknown_cost_count
    from {{ ref('int_recall_costs__summed') }}

),

matured as (

    select
        recalled_users.campaign_id,
        recalled_users.comparison_code,
        recalled_users.arm_code,
        recalled_users.is_control,
        recalled_users.window_days,
        recalled_users.is_matured,
        case when recalled_users.is_matured and recalled_users.is_aimed then 1 end as aimed_count,
        case when recalled_users.is_matured and recalled_users.is_aimed and recalled_users.is_returned then 1 end
            as returned_count,
        case when recalled_users.is_matured then nullif(recalled_users.contribution_amount, 0) end
            as contribution_amount,
        -- Whoever was chosen but never written to cost nothing.
        case when recalled_users.is_matured then coalesce(costs.cost_amount, 0) end as cost_amount,
        case when recalled_users.is_matured then coalesce(costs.unknown_cost_count, 0) end as unknown_cost_count
    from recalled_users
    left join costs
        on
            recalled_users.campaign_id = costs.campaign_id
            and recalled_users.person_id = costs.person_id
            and not recalled_users.is_control

)

select
    campaign_id,
    comparison_code,
    arm_code,
    is_control,
    window_days,
    sum(case when is_matured then 1 else 0 end) as user_count,
    sum(case when is_matured then 0 else 1 end) as immature_count,
    count(aimed_count) as aimed_count,
    count(returned_count) as returned_count,
    count(contribution_amount) as contribution_count,
    coalesce(sum(contribution_amount), 0) as contribution_total,
    coalesce(sum(contribution_amount * contribution_amount), 0) as contribution_square_total,
    coalesce(sum(cost_amount), 0) as cost_total,
    coalesce(sum(cost_amount * cost_amount), 0) as cost_square_total,
    coalesce(sum(contribution_amount * cost_amount), 0) as contribution_cost_total,
    coalesce(sum(unknown_cost_count), 0) as unknown_cost_count
from matured
group by
    campaign_id,
    comparison_code,
    arm_code,
    is_control,
    window_days
