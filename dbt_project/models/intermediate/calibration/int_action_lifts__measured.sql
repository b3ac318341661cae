-- One row per line, layer at assignment and action that campaigns have tried: how much more returned than without it.
-- depends_on: {{ ref('out_recalled_users') }}
-- depends_on: {{ ref('out_campaign_profit') }}
with

rules as (

    {{ worth_rules_in_force() }}

),

-- The window that returns are expected in; where outcomes have none so long, the longest below it.
outcome_windows as (

    select max(windows.window_days) as window_days
    from ({{ outcome_windows_in_force() }}) as windows
    cross join ({{ churn_limit_rules_in_force() }}) as curve_rules
    where windows.window_days <= curve_rules.horizon_days

),

-- What a campaign's own results hide, because its arms are not as large as they were drawn, teaches nothing either.
mismatched_campaigns as (

    select campaigns.campaign_id
    from {{ rows_if_built('out_campaign_profit') }} as campaigns
    cross join ({{ effect_rules_in_force() }}) as effect_rules
    where campaigns.mismatch_p < effect_rules.mismatch_limit

),

outcomes as (

    select
        recalled_users.campaign_id,
        recalled_users.comparison_code,
        recalled_users.line_id,
        recalled_users.layer_code,
        recalled_users.offer_code,
        recalled_users.channel,
        recalled_users.is_control,
        case when recalled_users.is_returned then 1 else 0 end as returned_count
    from {{ rows_if_built('out_recalled_users') }} as recalled_users
    inner join outcome_windows
        on recalled_users.window_days = outcome_windows.window_days
    left join mismatched_campaigns
        on recalled_users.campaign_id = mismatched_campaigns.campaign_id
    where
        mismatched_campaigns.campaign_id is null
        and recalled_users.is_matured
        and recalled_users.line_id is not null
        and recalled_users.layer_code is not null

),

controls as (

    select
        campaign_id,
        comparison_code,
        line_id,
        layer_code,
        {{ action_code('offer_code', 'channel') }} as action_code,
        count(*) as user_count,
        sum(returned_count) as returned_count
    from outcomes
    where is_control
    group by
        campaign_id,
        comparison_code,
        line_id,
        layer_code,
        {{ action_code('offer_code', 'channel') }}

),

-- A touch whose offer nobody named says nothing about any.
treated as (

    select
        campaign_id,
        comparison_code,
        line_id,
        layer_code,
        {{ action_code('offer_code', 'channel') }} as action_code,
        count(*) as user_count,
        sum(returned_count) as returned_count
    from outcomes
    where
        not is_control
        and offer_code is not null
        and channel is not null
    group by
        campaign_id,
        comparison_code,
        line_id,
        layer_code,
        {{ action_code('offer_code', 'channel') }}

),

-- Each campaign is compared with its own control of the same treatment; a handful of held-out would measure noise.
compared as (

    select
        treated.line_id,
        treated.layer_code,
        treated.action_code,
        treated.user_count as treated_count,
        controls.user_count as control_count,
        cast(treated.returned_count as {{ numeric_type() }}) / treated.user_count
        - cast(controls.returned_count as {{ numeric_type() }}) / controls.user_count as lift
    from treated
    inner join controls
        on
            treated.campaign_id = controls.campaign_id
            and treated.comparison_code = controls.comparison_code
            and treated.line_id = controls.line_id
            and treated.layer_code = controls.layer_code
            -- Whoever would have got another offer is another kind of customer; imported controls name none.
            and (controls.action_code is null or treated.action_code = controls.action_code)
    cross join rules
    where controls.user_count >= rules.min_control_count

)

select
    line_id,
    layer_code,
    action_code,
    cast(sum(treated_count) as integer) as treated_count,
    cast(sum(control_count) as integer) as control_count,
    {{ plain_amount('sum(treated_count * lift) / sum(treated_count)') }} as lift_measured
from compared
group by
    line_id,
    layer_code,
    action_code
