-- One row per campaign and window in which somebody ordered: the values at which winsorised metrics are cut.
-- The dated share of the values other than 0 lies at or below the limit (nearest rank), arms and control pooled.
{{ config(materialized='table') }}

with

rules as (

    {{ effect_rules_in_force() }}

),

buyers as (

    select
        campaign_id,
        window_days,
        order_count,
        net_amount,
        contribution_amount
    from {{ ref('int_recalled_users__active') }}
    where
        is_matured
        and order_count > 0

),

amounts as (

    select
        campaign_id,
        window_days,
        'order_count' as metric_code,
        cast(order_count as {{ numeric_type() }}) as metric_value
    from buyers

    union all

    select
        campaign_id,
        window_days,
        'net_amount' as metric_code,
        net_amount as metric_value
    from buyers
    where net_amount <> 0

    union all

    select
        campaign_id,
        window_days,
        'contribution_amount' as metric_code,
        contribution_amount as metric_value
    from buyers
    where contribution_amount <> 0

),

ranked as (

    select
        campaign_id,
        window_days,
        metric_code,
        metric_value,
        row_number() over (partition by campaign_id, window_days, metric_code order by metric_value) as value_rank,
        count(*) over (partition by campaign_id, window_days, metric_code) as value_count
    from amounts

),

limits as (

    select
        ranked.campaign_id,
        ranked.window_days,
        ranked.metric_code,
        ranked.metric_value
    from ranked
    cross join rules
    where ranked.value_rank = ceil(rules.winsor_rate * ranked.value_count)

)

select
    campaign_id,
    window_days,
    max(case when metric_code = 'order_count' then metric_value end) as order_count,
    max(case when metric_code = 'net_amount' then metric_value end) as net_amount,
    max(case when metric_code = 'contribution_amount' then metric_value end) as contribution_amount
from limits
group by
    campaign_id,
    window_days
