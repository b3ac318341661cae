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
    from {{ ref('int_recalled_users__delta') }}
    where
        is_matured
        and order_count > 0

),

amounts as (
    {% for metric in ['order_count', 'net_amount', 'contribution_amount'] %}
    select
        campaign_id,
        window_days,
        '{{ metric }}' as metric_code,
        cast({{ metric }} as {{ numeric_type() }}) as metric_value
    from buyers
    where {{ metric }} <> 0
    {{ 'union all' if not loop.last }}
    {% endfor %}
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
    {% for metric in ['order_count', 'net_amount', 'contribution_amount'] %}
    max(case when metric_code = '{{ metric }}' then metric_value end) as {{ metric }}{{ ',' if not loop.last }}
    {% endfor %}
from limits
group by
    campaign_id,
    window_days
