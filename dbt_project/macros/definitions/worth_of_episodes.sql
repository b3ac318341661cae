{#-
    The relations of worth, for all open episodes as the marts show them, or for the few that a night asks about: both
    are the same SQL over more or fewer rows.
-#}


{#-
    What the return of an open episode's customer is worth, and how likely it is untouched: a select.

    Args:
        layers: Open episodes with user_id, line_id, episode_number, last_key_date, as_of_date and layer_code.
-#}
{% macro worth_anchors(layers) -%}
select
    layers.user_id,
    layers.line_id,
    layers.episode_number,
    layers.last_key_date,
    layers.as_of_date,
    {{ days_between('layers.last_key_date', 'layers.as_of_date') }} as quiet_days,
    layers.layer_code,
    second_lifetimes.fitted_date,
    untouched_returns.horizon_days,
    {{ second_lifetime_value(
        'customer_values.contribution_per_key_day_amount', 'second_lifetimes.key_days_per_lifetime'
    ) }} as value_amount,
    untouched_returns.return_rate as return_rate_untouched,
    coalesce(churn_reasons.reason_code, 'unknown') as churn_reason_code,
    customer_values.is_gaming,
    case
        when second_lifetimes.key_days_per_lifetime is null or untouched_returns.return_rate is null then false
        else true
    end as has_fit
from {{ layers }} as layers
inner join {{ ref('int_customer_values') }} as customer_values
    on
        layers.user_id = customer_values.user_id
        and layers.line_id = customer_values.line_id
left join {{ ref('fct_churn_reasons') }} as churn_reasons
    on
        layers.user_id = churn_reasons.user_id
        and layers.line_id = churn_reasons.line_id
        and layers.last_key_date = churn_reasons.last_key_date
        and churn_reasons.is_primary
left join {{ rows_of_latest_fit(ref('fct_second_lifetimes')) }} as second_lifetimes
    on layers.line_id = second_lifetimes.line_id
left join {{ rows_of_latest_fit(ref('fct_untouched_returns')) }} as last_days
    on
        layers.line_id = last_days.line_id
        and layers.layer_code = last_days.layer_code
        and last_days.quiet_days = last_days.last_quiet_days
left join {{ rows_of_latest_fit(ref('fct_untouched_returns')) }} as untouched_returns
    on
        last_days.line_id = untouched_returns.line_id
        and last_days.layer_code = untouched_returns.layer_code
        and least(
            {{ days_between('layers.last_key_date', 'layers.as_of_date') }}, last_days.last_quiet_days
        ) = untouched_returns.quiet_days
{%- endmacro %}


{#-
    What every action brings that an open episode's layer and churn reason allow: a select.

    Args:
        anchors: What worth_anchors gives.
-#}
{% macro recall_actions(anchors) -%}
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
    from {{ anchors }} as anchors
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
{%- endmacro %}
