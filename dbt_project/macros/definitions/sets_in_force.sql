{#
    A dated set of rows holds as a whole: the rows of the greatest valid_from not after the as-of date, or of the
    first date while none is reached yet. `per` names the column within which sets are dated by themselves.
#}
{% macro set_in_force(definition, columns, per=none) %}
    select {% for column in columns %}{{ definition }}.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
    from {{ source('definitions', definition) }} as {{ definition }}
    inner join (
        select
            {% if per %}{{ per }},{% endif %}
            coalesce(
                max(case when valid_from <= {{ as_of_date() }} then valid_from end),
                min(valid_from)
            ) as valid_from
        from {{ source('definitions', definition) }}
        {% if per %}group by {{ per }}{% endif %}
    ) as set_dates
        on
            {{ definition }}.valid_from = set_dates.valid_from
            {% if per %}and {{ definition }}.{{ per }} = set_dates.{{ per }}{% endif %}
{% endmacro %}


{# The bins that score the four dimensions: values in [lower_edge, upper_edge) get the score (0..1). #}
{% macro layer_bins_in_force() %}
    {{ set_in_force(
        'layer_bins', ['dimension_code', 'layer_code', 'lower_edge', 'upper_edge', 'score'], per='dimension_code'
    ) }}
{% endmacro %}


{# The layers: layer scores in [lower_edge, upper_edge) are in the layer; the last one has no upper edge. #}
{% macro layers_in_force() %}
    {{ set_in_force('layers', ['layer_code', 'layer_name', 'lower_edge', 'upper_edge']) }}
{% endmacro %}


{# The conditions of the persona rules: minimum <= measure < maximum; a rule holds if all its conditions do. #}
{% macro persona_rules_in_force() %}
    {{ set_in_force('persona_rules', ['rule_number', 'persona_code', 'measure_code', 'minimum', 'maximum']) }}
{% endmacro %}


{#
    The conditions of the reason rules: minimum <= signal < maximum; a rule holds if all its conditions do. A signal
    with window_days looks at the days (last key date - window_days, lapsed date].
#}
{% macro reason_rules_in_force() %}
    {{ set_in_force(
        'reason_rules',
        ['reason_code', 'rule_number', 'signal_code', 'window_days', 'minimum', 'maximum', 'score']
    ) }}
{% endmacro %}


{# How many days goods of a category last; of other categories it is not known. #}
{% macro category_lifetimes_in_force() %}
    {{ set_in_force('category_lifetimes', ['category', 'lifetime_days'], per='category') }}
{% endmacro %}


{# The days from entering a layer within which a return is counted for it. #}
{% macro layer_rules_in_force() %}
    {{ set_in_force('layer_rules', ['return_days']) }}
{% endmacro %}


{# The age bands: ages in whole years in [lower_age, upper_age). #}
{% macro age_bands_in_force() %}
    {{ set_in_force('age_bands', ['age_band', 'lower_age', 'upper_age']) }}
{% endmacro %}


{# The windows, in days from the assignment, in which an outcome counts. #}
{% macro outcome_windows_in_force() %}
    {{ set_in_force('outcome_windows', ['window_days']) }}
{% endmacro %}


{# The days after a return on which relapses are counted. #}
{% macro relapse_days_in_force() %}
    {{ set_in_force('relapse_days', ['day_number']) }}
{% endmacro %}


{# The catalogue of channels: cost of one message, needed contact, capacity a day, what it may carry. #}
{% macro channels_in_force() %}
    {{ set_in_force(
        'channels',
        [
            'channel', 'channel_name', 'delivery_code', 'contact_code', 'unit_cost_amount', 'daily_capacity',
            'may_carry_marketing', 'default_consent',
        ],
        per='channel'
    ) }}
{% endmacro %}
