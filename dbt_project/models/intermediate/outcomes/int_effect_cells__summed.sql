-- One row per campaign, arm, window, layer, reason, whether an episode was open and whether the window has ended: the
-- sums that every mean, variance and covariance is made of.
{{ config(materialized='table') }}

{%- set keys = [
    'campaign_id', 'comparison_code', 'arm_code', 'is_control', 'window_days', 'layer_code', 'reason_code', 'is_aimed',
    'is_matured',
] %}

with

recalled_users as (

    select
        campaign_id,
        comparison_code,
        -- All who were left out on purpose are one control, whatever their arm was called.
        case when is_control then 'control' else arm_code end as arm_code,
        is_control,
        window_days,
        layer_code,
        reason_code,
        line_id is not null as is_aimed,
        is_matured,
        visit_count,
        order_count,
        net_amount,
        contribution_amount,
        is_returned,
        nullif(cast(earlier_order_count as {{ numeric_type() }}), 0) as earlier_order_count,
        nullif(earlier_net_amount, 0) as earlier_net_amount
    from {{ ref('int_recalled_users__delta') }}

),

limits as (

    select
        campaign_id,
        window_days,
        order_count,
        net_amount,
        contribution_amount
    from {{ ref('int_winsor_limits__found') }}

),

person_values as (

    select
        {{ each_of(keys, 'recalled_users.$') }},
        recalled_users.earlier_order_count as x1,
        recalled_users.earlier_net_amount as x2,
        {{ metric_values() }}
    from recalled_users
    left join limits
        on
            recalled_users.campaign_id = limits.campaign_id
            and recalled_users.window_days = limits.window_days

)

-- A person who did nothing is null in every value, and a sum passes over it.
select
    {{ each_of(keys) }},
    count(*) as user_count,
    coalesce(sum(x1), 0) as x1_total,
    coalesce(sum(x2), 0) as x2_total,
    coalesce(sum(x1 * x1), 0) as x1_x1_total,
    coalesce(sum(x1 * x2), 0) as x1_x2_total,
    coalesce(sum(x2 * x2), 0) as x2_x2_total,
    {{ metric_sums() }}
from person_values
group by
    {{ each_of(keys) }}
