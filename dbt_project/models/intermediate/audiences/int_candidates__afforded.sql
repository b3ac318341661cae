-- One row per candidate that remains: whether its channel's capacity and its campaign's budget reach as far as it.
-- Held-out persons take their place in the rank and cost nothing, so that they stay comparable with those they are for.
{{ config(materialized='table', post_hook=analyze(this)) }}

with

candidates as (

    select
        chosen.candidate_number,
        chosen.campaign_id,
        chosen.campaign_version,
        chosen.priority,
        chosen.channel,
        chosen.expected_profit_amount,
        chosen.expected_cost_amount,
        {{ hash_number("'budget:' || chosen.campaign_id || ':' || chosen.person_id") }} as spending_draw,
        case when chosen.is_global_holdout or chosen.is_campaign_holdout then 0 else 1 end as message_count
    from {{ ref('int_candidates__chosen') }} as chosen
    inner join {{ ref('int_candidates__singled') }} as singled
        on chosen.candidate_number = singled.candidate_number
    where singled.reason_code is null

),

channels as (

    {{ channels_in_force() }}

),

counted as (

    select
        candidate_number,
        campaign_id,
        campaign_version,
        channel,
        expected_profit_amount,
        expected_cost_amount,
        spending_draw,
        message_count,
        sum(message_count) over (
            partition by channel
            order by
                priority desc,
                {{ spending_order('expected_profit_amount', 'expected_cost_amount', 'spending_draw') }},
                candidate_number
            rows between unbounded preceding and current row
        ) as channel_message_count
    from candidates

),

-- Whom the channel cannot carry tonight does not spend the campaign's budget.
carried as (

    select
        counted.candidate_number,
        counted.campaign_id,
        counted.campaign_version,
        sum(counted.message_count * counted.expected_cost_amount) over (
            partition by counted.campaign_id
            order by
                {{ spending_order(
                    'counted.expected_profit_amount', 'counted.expected_cost_amount', 'counted.spending_draw'
                ) }},
                counted.candidate_number
            rows between unbounded preceding and current row
        ) as campaign_cost_amount
    from counted
    left join channels
        on counted.channel = channels.channel
    where
        channels.daily_capacity is null
        or counted.channel_message_count <= channels.daily_capacity

),

spent as (

    select
        campaign_id,
        sum(expected_cost_amount) as cost_amount
    from {{ source('ledger', 'entries') }}
    where
        selected_date < {{ selected_date() }}
        and state in ('claimed', 'sent', 'unknown')
    group by campaign_id

),

budgets as (

    select
        campaigns.campaign_id,
        campaigns.campaign_version,
        campaigns.night_budget_amount,
        campaigns.total_budget_amount - coalesce(spent.cost_amount, 0) as left_budget_amount
    from {{ source('definitions', 'campaigns') }} as campaigns
    left join spent
        on campaigns.campaign_id = spent.campaign_id
    where campaigns.is_current

),

afforded as (

    select carried.candidate_number
    from carried
    inner join budgets
        on
            carried.campaign_id = budgets.campaign_id
            and carried.campaign_version = budgets.campaign_version
    where
        (budgets.night_budget_amount is null or carried.campaign_cost_amount <= budgets.night_budget_amount)
        and (budgets.left_budget_amount is null or carried.campaign_cost_amount <= budgets.left_budget_amount)

)

select
    candidates.candidate_number,
    case when afforded.candidate_number is null then 'budget_or_capacity' end as reason_code
from candidates
left join afforded
    on candidates.candidate_number = afforded.candidate_number
