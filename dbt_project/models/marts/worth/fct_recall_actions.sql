-- One row per open episode and action that its layer and churn reason allow: what it brings against doing nothing.
{{ config(materialized='stable_view') }}

with

rates as (

    select
        anchors.user_id,
        anchors.line_id,
        anchors.episode_number,
        anchors.last_key_date,
        anchors.as_of_date,
        anchors.value_amount,
        anchors.return_rate_untouched,
        effects.action_code,
        effects.offer_code,
        effects.channel,
        effects.action_rank,
        (not effects.is_reward or not anchors.is_gaming) as is_allowed,
        {{ return_rate_touched('anchors.return_rate_untouched', 'effects.lift_shrunk') }} as return_rate_touched,
        {{ return_rate_touched('0', 'effects.lift_shrunk') }} as return_rate_caused,
        effects.reward_cost_amount,
        effects.contact_cost_amount,
        effects.currency_code
    from {{ ref('fct_worth_anchors') }} as anchors
    left join {{ rows_of_latest_fit(ref('fct_action_effects')) }} as effects
        on
            anchors.line_id = effects.line_id
            and anchors.layer_code = effects.layer_code
    left join {{ rows_of_latest_fit(ref('fct_offer_choices')) }} as choices
        on
            anchors.churn_reason_code = choices.reason_code
            and effects.offer_code = choices.offer_code
    -- Left joins, and a condition that leaves them so: of inner joins on several columns the planner expects a single
    -- row, and loops over millions.
    where
        anchors.has_fit
        and case when choices.offer_code is null then false else true end

)

select
    user_id,
    line_id,
    episode_number,
    last_key_date,
    as_of_date,
    action_code,
    offer_code,
    channel,
    action_rank,
    is_allowed,
    value_amount,
    return_rate_untouched,
    return_rate_touched,
    reward_cost_amount,
    contact_cost_amount,
    {{ expected_cost('reward_cost_amount', 'return_rate_touched', 'contact_cost_amount') }} as cost_amount,
    {{ expected_profit(
        'value_amount', 'reward_cost_amount', 'return_rate_touched', 'return_rate_untouched', 'contact_cost_amount'
    ) }} as expected_profit_amount,
    {{ expected_profit('value_amount', 'reward_cost_amount', 'return_rate_caused', '0', 'contact_cost_amount') }}
        as lost_customer_profit_amount,
    currency_code,
    {{ profit_per_cost(
        expected_profit(
            'value_amount', 'reward_cost_amount', 'return_rate_touched', 'return_rate_untouched', 'contact_cost_amount'
        ),
        expected_cost('reward_cost_amount', 'return_rate_touched', 'contact_cost_amount'),
    ) }} as profit_per_cost
from rates
