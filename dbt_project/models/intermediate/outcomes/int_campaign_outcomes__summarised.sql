-- One row per campaign, arm, segment, window and metric: the figures that a mean and its interval need.
-- Only imported campaigns: our own need the weights of their file beside them before an effect may be shown.
{{ config(materialized='table') }}

with

outcomes as (

    select
        recalled_users.campaign_id,
        -- All who were left out on purpose are one control, whatever their arm was called.
        case when recalled_users.is_control then 'control' else recalled_users.arm_code end as arm_code,
        recalled_users.is_control,
        recalled_users.window_days,
        recalled_users.is_matured,
        recalled_users.line_id,
        recalled_users.layer_code,
        recalled_users.visit_count,
        recalled_users.order_count,
        recalled_users.net_amount,
        recalled_users.contribution_amount,
        recalled_users.is_returned
    from {{ ref('int_recalled_users__delta') }} as recalled_users
    inner join {{ ref('int_campaign_entries__resolved') }} as entries
        on
            recalled_users.campaign_id = entries.campaign_id
            and recalled_users.person_id = entries.person_id
    where entries.is_imported

),

segments as (

    select segment_type
    from (values ('all'), ('layer')) as segments (segment_type)

),

metrics as (

    select
        metric_code,
        is_money
    from (
        values
        ('visit_rate', false),
        ('order_rate', false),
        ('return_rate', false),
        ('order_count', false),
        ('net_amount', true),
        ('contribution_amount', true)
    ) as metrics (metric_code, is_money)

),

segment_values as (

    select
        outcomes.campaign_id,
        outcomes.arm_code,
        outcomes.is_control,
        segments.segment_type,
        case segments.segment_type when 'all' then 'all' else outcomes.layer_code end as segment_code,
        outcomes.window_days,
        outcomes.is_matured,
        metrics.metric_code,
        metrics.is_money,
        cast(
            case metrics.metric_code
                when 'visit_rate' then case when outcomes.visit_count > 0 then 1 else 0 end
                when 'order_rate' then case when outcomes.order_count > 0 then 1 else 0 end
                when 'return_rate' then case when outcomes.is_returned then 1 else 0 end
                when 'order_count' then outcomes.order_count
                when 'net_amount' then outcomes.net_amount
                when 'contribution_amount' then outcomes.contribution_amount
            end as {{ numeric_type() }}
        ) as metric_value
    from outcomes
    cross join segments
    cross join metrics
    where
        (segments.segment_type = 'all' or outcomes.layer_code is not null)
        -- Only somebody who had lapsed can return.
        and (metrics.metric_code <> 'return_rate' or outcomes.line_id is not null)

),

final as (

    select
        campaign_id,
        arm_code,
        is_control,
        segment_type,
        segment_code,
        window_days,
        metric_code,
        is_money,
        sum(case when is_matured then 1 else 0 end) as matured_count,
        sum(case when is_matured then 0 else 1 end) as immature_count,
        sum(case when is_matured and metric_value <> 0 then 1 else 0 end) as event_count,
        avg(case when is_matured then metric_value end) as metric_mean,
        var_samp(case when is_matured then metric_value end) as metric_variance
    from segment_values
    group by
        campaign_id,
        arm_code,
        is_control,
        segment_type,
        segment_code,
        window_days,
        metric_code,
        is_money

)

select
    campaign_id,
    arm_code,
    is_control,
    segment_type,
    segment_code,
    window_days,
    metric_code,
    is_money,
    matured_count,
    immature_count,
    event_count,
    metric_mean,
    metric_variance
from final
