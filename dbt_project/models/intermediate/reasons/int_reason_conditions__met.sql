-- One row per profiled episode, reason, rule and condition of the rule that holds.
{{ config(post_hook='{{ analyze(this) }}') }}

{% set models = [
    ref('int_order_signals__measured'),
    ref('int_refund_signals__measured'),
    ref('int_feedback_signals__measured'),
    ref('int_visit_signals__measured'),
    ref('int_preference_signals__measured'),
    ref('int_channel_signals__measured'),
    ref('int_need_signals__measured'),
] %}

with

signals as (
    {% for model in models %}
        select
            user_id,
            line_id,
            last_key_date,
            signal_code,
            signal_value,
            members
        from {{ model }}
        {{ 'union all' if not loop.last }}
    {% endfor %}
),

rules as (

    {{ reason_rules_in_force() }}

)

select
    signals.user_id,
    signals.line_id,
    signals.last_key_date,
    rules.reason_code,
    rules.rule_number,
    signals.signal_code,
    rules.score,
    signals.members
from signals
inner join rules
    on signals.signal_code = rules.signal_code
where {{ is_condition_met('signals.signal_value', 'rules.minimum', 'rules.maximum') }}
