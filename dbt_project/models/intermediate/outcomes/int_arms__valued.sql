-- One row per arm of a current version of our campaigns: what a person assigned to it under the current shares brought,
-- less what it cost, over the campaign's window.
{{ config(materialized='table') }}

{% set sums = [
    'user_count', 'contribution_amount__events', 'contribution_amount__total', 'contribution_amount__square_total',
    'cost_total', 'cost_square_total', 'contribution_cost_total', 'unknown_cost_count',
] %}

with

campaigns as (

    select
        campaign_id,
        campaign_version
    from {{ source('definitions', 'campaigns') }}
    where is_current

),

arms as (

    select
        arms.campaign_id,
        arms.campaign_version,
        arms.comparison_code,
        arms.arm_code,
        round(cast(arms.hash_end - arms.hash_begin as {{ numeric_type() }}) / 4294967296, 12) as share_now
    from {{ ref('int_campaign_arms__grouped') }} as arms
    inner join campaigns
        on
            arms.campaign_id = campaigns.campaign_id
            and arms.campaign_version = campaigns.campaign_version
    where arms.hash_end > arms.hash_begin

),

-- The profit of a person is contribution c less cost k, and its square that of c, less twice c times k, and that of k.
sums as (

    select
        cells.campaign_id,
        cells.comparison_code,
        cells.arm_code,
        sum(case when cells.is_matured then 0 else cells.user_count end) as immature_count,
        cast(sum(case when cells.is_matured then cells.user_count end) as {{ numeric_type() }}) as user_count,
        sum(case when cells.is_matured then cells.contribution_amount__events end) as event_count,
        sum(case when cells.is_matured then cells.unknown_cost_count end) as unknown_cost_count,
        sum(case when cells.is_matured then cells.contribution_amount__total - cells.cost_total end) as profit_total,
        sum(
            case
                when cells.is_matured
                    then
                        cells.contribution_amount__square_total
                        - 2 * cells.contribution_cost_total
                        + cells.cost_square_total
            end
        ) as profit_square_total
    from {{ tonight('int_effect_cells', cell_keys() + ['assigned_date'] + sums) }} as cells
    inner join {{ ref('int_share_days__drawn') }} as share_days
        on
            cells.campaign_id = share_days.campaign_id
            and cells.assigned_date = share_days.assigned_date
    where
        cells.is_campaign_window
        and not cells.is_control
    group by
        cells.campaign_id,
        cells.comparison_code,
        cells.arm_code

)

select
    arms.campaign_id,
    arms.campaign_version,
    arms.comparison_code,
    arms.arm_code,
    arms.share_now,
    sum(arms.share_now) over (partition by arms.campaign_id, arms.comparison_code) as group_share,
    count(*) over (partition by arms.campaign_id, arms.comparison_code) as group_arm_count,
    coalesce(sums.user_count, 0) as user_count,
    coalesce(sums.immature_count, 0) as immature_count,
    coalesce(sums.event_count, 0) as event_count,
    coalesce(sums.unknown_cost_count, 0) as unknown_cost_count,
    round(sums.profit_total / nullif(sums.user_count, 0), 12) as profit_mean,
    round(
        {{ sample_variance('sums.user_count', 'sums.profit_total', 'sums.profit_square_total') }}
        / nullif(sums.user_count, 0),
        18
    ) as profit_mean_variance
from arms
left join sums
    on
        arms.campaign_id = sums.campaign_id
        and arms.comparison_code = sums.comparison_code
        and arms.arm_code = sums.arm_code
