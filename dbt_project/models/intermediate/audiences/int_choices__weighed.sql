-- One row per candidate and treatment that its arm may take: what it brings and costs, and what speaks against it.
{{ config(materialized='table', post_hook=analyze(this)) }}

with

candidates as (

    select
        candidate_number,
        user_id,
        line_id,
        last_key_date
    from {{ ref('int_candidates__due') }}

),

choices as (

    select
        candidate_number,
        choice_number,
        channel,
        offer_code,
        unit_cost_amount
    from {{ ref('int_choices__reached') }}

),

anchors as (

    select
        user_id,
        line_id,
        last_key_date,
        churn_reason_code,
        value_amount,
        is_gaming,
        has_fit
    from {{ ref('int_candidates__anchored') }}

),

actions as (

    select
        user_id,
        line_id,
        last_key_date,
        offer_code,
        channel,
        action_rank,
        cost_amount,
        expected_profit_amount,
        lost_customer_profit_amount
    from {{ ref('int_candidates__weighed') }}

),

-- Where worth does not say what a treatment costs, it counts with the most that its offer may cost.
offers as (

    select
        offers.offer_code,
        max(case when offers.is_reward then 1 else 0 end) as reward_count,
        max(offers.reward_cost_amount) + max(offers.contact_cost_amount) as greatest_cost_amount
    from ({{ offers_in_force() }}) as offers
    group by offers.offer_code

),

-- Worth judges what the latest fit knows; what came into the definitions since waits for the next one.
fitted_actions as (

    select
        offer_code,
        channel
    from {{ rows_of_latest_fit(ref('fct_action_effects')) }} as effects
    group by
        offer_code,
        channel

),

reason_offers as (

    select
        reason_code,
        offer_code
    from {{ rows_of_latest_fit(ref('fct_offer_choices')) }} as offer_choices

),

fitted_offers as (

    select offer_code
    from reason_offers
    group by offer_code

),

described as (

    select
        candidates.candidate_number,
        candidates.user_id,
        candidates.line_id,
        candidates.last_key_date,
        choices.choice_number,
        choices.channel,
        choices.offer_code,
        choices.unit_cost_amount,
        anchors.churn_reason_code,
        anchors.value_amount,
        coalesce(anchors.has_fit, false) as has_fit,
        coalesce(anchors.is_gaming, false) as is_gaming
    from choices
    inner join candidates
        on choices.candidate_number = candidates.candidate_number
    left join anchors
        on
            candidates.user_id = anchors.user_id
            and candidates.line_id = anchors.line_id
            and candidates.last_key_date = anchors.last_key_date

)

select
    described.candidate_number,
    described.choice_number,
    actions.action_rank,
    actions.expected_profit_amount,
    coalesce(
        actions.cost_amount,
        coalesce(described.unit_cost_amount, 0) + coalesce(offers.greatest_cost_amount, 0)
    ) as expected_cost_amount,
    -- An offer that nobody describes may be a reward.
    (described.is_gaming and coalesce(offers.reward_count, 1) = 1) as is_withheld,
    case
        when actions.expected_profit_amount > 0 then null
        when actions.expected_profit_amount is not null
            then {{ why_not_worth('described.value_amount', 'actions.lost_customer_profit_amount') }}
        when fitted_offers.offer_code is not null and reason_offers.offer_code is null then 'no_action'
        when described.has_fit and fitted_actions.offer_code is not null then 'no_action'
    end as worth_reason_code
from described
left join actions
    on
        described.user_id = actions.user_id
        and described.line_id = actions.line_id
        and described.last_key_date = actions.last_key_date
        and described.offer_code = actions.offer_code
        and described.channel = actions.channel
left join offers
    on described.offer_code = offers.offer_code
left join fitted_actions
    on
        described.offer_code = fitted_actions.offer_code
        and described.channel = fitted_actions.channel
left join reason_offers
    on
        described.churn_reason_code = reason_offers.reason_code
        and described.offer_code = reason_offers.offer_code
left join fitted_offers
    on described.offer_code = fitted_offers.offer_code
