{# The offers and the layer scores from which their amounts hold; one without ladder_rank is only for reasons. #}
{% macro offers_in_force() %}
    {{ set_in_force(
        'offers',
        [
            'offer_code', 'offer_name', 'ladder_rank', 'is_reward', 'min_layer_score', 'threshold_amount',
            'reward_amount', 'reward_cost_amount', 'contact_cost_amount',
        ],
    ) }}
{% endmacro %}


{# The offers that replace the ladder where a churn reason is listed. #}
{% macro reason_offers_in_force() %}
    {{ set_in_force('reason_offers', ['reason_code', 'offer_code']) }}
{% endmacro %}


{# The lift that an offer through a channel is expected to bring; without a layer in every one that is not listed. #}
{% macro action_priors_in_force() %}
    {{ set_in_force('action_priors', ['offer_code', 'channel', 'layer_code', 'prior_lift']) }}
{% endmacro %}


{# How much data each part of worth asks for, and what counts as gaming: one row. #}
{% macro worth_rules_in_force() %}
    {{ set_in_force('worth_rules', ['prior_weight', 'min_control_count', 'min_gap_count', 'gaming_returns']) }}
{% endmacro %}
