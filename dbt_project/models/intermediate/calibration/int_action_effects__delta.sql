-- One row per line in force, layer and action that it can be offered: its lift, measured and shrunk, and its costs.
with

rules as (

    {{ worth_rules_in_force() }}

),

curve_rules as (

    {{ churn_limit_rules_in_force() }}

),

lines as (

    select line_id
    from {{ ref('dim_lines') }}
    where not is_reserved

),

actions as (

    select
        layer_code,
        action_code,
        offer_code,
        channel,
        action_rank,
        is_reward,
        threshold_amount,
        reward_amount,
        reward_cost_amount,
        contact_cost_amount,
        lift_prior
    from {{ ref('int_actions__offered') }}

),

lifts as (

    select
        line_id,
        layer_code,
        action_code,
        treated_count,
        control_count,
        lift_measured
    from {{ ref('int_action_lifts__measured') }}

),

final as (

    select
        lines.line_id,
        actions.layer_code,
        actions.action_code,
        actions.offer_code,
        actions.channel,
        actions.action_rank,
        actions.is_reward,
        curve_rules.horizon_days,
        coalesce(lifts.treated_count, 0) as treated_count,
        coalesce(lifts.control_count, 0) as control_count,
        lifts.lift_measured,
        actions.lift_prior,
        rules.prior_weight,
        actions.threshold_amount,
        actions.reward_amount,
        actions.reward_cost_amount,
        actions.contact_cost_amount
    from lines
    cross join actions
    cross join rules
    cross join curve_rules
    left join lifts
        on
            lines.line_id = lifts.line_id
            and actions.layer_code = lifts.layer_code
            and actions.action_code = lifts.action_code

)

select
    {{ as_of_date() }} as fitted_date,
    line_id,
    layer_code,
    action_code,
    offer_code,
    channel,
    action_rank,
    is_reward,
    horizon_days,
    treated_count,
    control_count,
    {{ plain_amount('round(lift_measured, 10)') }} as lift_measured,
    lift_prior,
    prior_weight,
    {{ plain_amount(
        'round(' ~ shrunk_lift('treated_count', 'lift_measured', 'lift_prior', 'prior_weight') ~ ', 10)'
    ) }} as lift_shrunk,
    threshold_amount,
    reward_amount,
    reward_cost_amount,
    contact_cost_amount,
    {{ currency_code() }} as currency_code
from final
