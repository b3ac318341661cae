-- One row per campaign, arm or control, over the campaign's own window: the sums that returns and profit are made of.
{{ config(materialized='table') }}

with

cells as (

    select
        campaign_id,
        comparison_code,
        arm_code,
        is_control,
        window_days,
        is_aimed,
        is_matured,
        user_count,
        return_rate__events as returned_count,
        contribution_amount__events as contribution_count,
        contribution_amount__total as contribution_total,
        contribution_amount__square_total as contribution_square_total,
        cost_total,
        cost_square_total,
        contribution_cost_total,
        unknown_cost_count
    from {{ ref('int_effect_cells__summed') }}
    where is_campaign_window

),

arms as (

    select
        campaign_id,
        comparison_code,
        arm_code,
        is_control,
        window_days,
        sum(case when is_matured then user_count else 0 end) as user_count,
        sum(case when is_matured then 0 else user_count end) as immature_count
    from cells
    group by
        campaign_id,
        comparison_code,
        arm_code,
        is_control,
        window_days

),

matured as (

    select
        campaign_id,
        comparison_code,
        arm_code,
        sum(case when is_aimed then user_count else 0 end) as aimed_count,
        sum(case when is_aimed then returned_count else 0 end) as returned_count,
        sum(contribution_count) as contribution_count,
        sum(contribution_total) as contribution_total,
        sum(contribution_square_total) as contribution_square_total,
        sum(cost_total) as cost_total,
        sum(cost_square_total) as cost_square_total,
        sum(contribution_cost_total) as contribution_cost_total,
        sum(unknown_cost_count) as unknown_cost_count
    from cells
    where is_matured
    group by
        campaign_id,
        comparison_code,
        arm_code

)

select
    arms.campaign_id,
    arms.comparison_code,
    arms.arm_code,
    arms.is_control,
    arms.window_days,
    arms.user_count,
    arms.immature_count,
    {{ each_of(
        [
            'aimed_count', 'returned_count', 'contribution_count', 'contribution_total', 'contribution_square_total',
            'cost_total', 'cost_square_total', 'contribution_cost_total', 'unknown_cost_count',
        ],
        'coalesce(matured.$, 0) as $'
    ) }}
from arms
left join matured
    on
        arms.campaign_id = matured.campaign_id
        and arms.comparison_code = matured.comparison_code
        and arms.arm_code = matured.arm_code
