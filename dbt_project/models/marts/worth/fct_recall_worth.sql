-- One row per open episode: whether to recall the customer, with what, and if not, why not.
{{ config(materialized='stable_view') }}

with

-- Of equal profit the lower rung of the ladder is taken.
best_actions as (

    select
        user_id,
        line_id,
        count(*) as action_count,
        {{ greatest_row([
            'case when is_allowed then expected_profit_amount end',
            '-action_rank',
            'return_rate_touched',
            'cost_amount',
        ]) }} as best_action,
        max(case when is_allowed then lost_customer_profit_amount end) as best_lost_customer_profit_amount,
        max(case when not is_allowed then expected_profit_amount end) as best_withheld_profit_amount
    from {{ ref('fct_recall_actions') }}
    group by
        user_id,
        line_id

),

judged as (

    select
        anchors.user_id,
        anchors.line_id,
        anchors.episode_number,
        anchors.last_key_date,
        anchors.as_of_date,
        anchors.layer_code,
        anchors.fitted_date,
        anchors.quiet_days,
        anchors.churn_reason_code,
        anchors.value_amount,
        anchors.return_rate_untouched,
        anchors.is_gaming,
        {{ value_of_row('best_actions.best_action', 1) }} as expected_profit_amount,
        {{ value_of_row('best_actions.best_action', 2) }} as negative_action_rank,
        {{ value_of_row('best_actions.best_action', 3) }} as return_rate_touched,
        {{ value_of_row('best_actions.best_action', 4) }} as cost_amount,
        case
            when not anchors.has_fit then 'no_fit'
            when {{ value_of_row('best_actions.best_action', 1) }} > 0 then null
            when best_actions.action_count is null then 'no_action'
            when
                anchors.is_gaming
                and (
                    best_actions.best_action is null
                    or best_actions.best_withheld_profit_amount > 0
                )
                then 'gaming'
            else {{ why_not_worth('anchors.value_amount', 'best_actions.best_lost_customer_profit_amount') }}
        end as reason_code
    from {{ ref('fct_worth_anchors') }} as anchors
    left join best_actions
        on
            anchors.user_id = best_actions.user_id
            and anchors.line_id = best_actions.line_id

)

select
    judged.user_id,
    judged.line_id,
    judged.episode_number,
    judged.value_amount,
    judged.return_rate_untouched,
    judged.return_rate_touched,
    effects.action_code as best_action_code,
    judged.cost_amount,
    judged.expected_profit_amount,
    (judged.reason_code is null) as is_worth_recalling,
    judged.reason_code,
    judged.is_gaming,
    judged.last_key_date,
    judged.as_of_date,
    judged.fitted_date,
    judged.quiet_days,
    judged.layer_code,
    judged.churn_reason_code,
    {{ profit_per_cost('judged.expected_profit_amount', 'judged.cost_amount') }} as profit_per_cost
from judged
left join {{ rows_of_latest_fit(ref('fct_action_effects')) }} as effects
    on
        judged.line_id = effects.line_id
        and judged.layer_code = effects.layer_code
        and judged.negative_action_rank = -effects.action_rank
