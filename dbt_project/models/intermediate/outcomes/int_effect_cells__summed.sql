-- One row per campaign, arm, window, layer, reason, whether an episode was open and whether the window has ended: the
-- sums that every mean, variance and covariance is made of, of all days of assignment.
{{ config(materialized='table') }}

with

cells as (

    select
        {{ each_of(cell_keys()) }},
        {{ each_of(cell_sums(), 'sum($) as $') }}
    from {{ tonight('int_effect_cells', cell_keys() + cell_sums()) }}
    group by
        {{ each_of(cell_keys()) }}

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

buyer_values as (

    select
        {{ cell_of_person() }},
        nullif(cast(recalled_users.earlier_order_count as {{ numeric_type() }}), 0) as x1,
        nullif(recalled_users.earlier_net_amount, 0) as x2,
        {{ metric_values(is_limited=true) }}
    from {{ ref('int_recalled_users__active') }} as recalled_users
    left join limits
        on
            recalled_users.campaign_id = limits.campaign_id
            and recalled_users.window_days = limits.window_days

),

winsorised as (

    select
        {{ each_of(cell_keys()) }},
        {{ metric_sums(is_limited=true) }}
    from buyer_values
    group by
        {{ each_of(cell_keys()) }}

)

select
    cells.campaign_id,
    cells.comparison_code,
    cells.arm_code,
    cells.is_control,
    cells.window_days,
    cells.is_campaign_window,
    nullif(cells.layer_code, '') as layer_code,
    nullif(cells.reason_code, '') as reason_code,
    cells.is_aimed,
    cells.is_matured,
    {{ each_of(cell_sums(), 'cells.$') }},
    {{ each_of(cell_sums(is_limited=true), 'coalesce(winsorised.$, 0) as $') }}
from cells
left join winsorised
    on
        {{ each_of(cell_keys(), 'cells.$ = winsorised.$', ' and') }}
