-- One row per campaign, treated arm, segment, window, metric and stratum: the sums of arm and control side by side, in
-- strata that are large enough on both sides.
{{ config(materialized='table') }}

{%- set keys = ['campaign_id', 'arm_code', 'segment_type', 'segment_code', 'window_days', 'metric_code'] %}
{%- set sums = [
    'user_count', 'x1_total', 'x2_total', 'x1_x1_total', 'x1_x2_total', 'x2_x2_total', 'y_total', 'y_square_total',
    'y_x1_total', 'y_x2_total',
] %}

with

rules as (

    {{ effect_rules_in_force() }}

),

strata as (

    select
        campaign_id,
        comparison_code,
        arm_code,
        is_control,
        segment_type,
        segment_code,
        window_days,
        metric_code,
        stratum_code,
        {% for name in sums %}
        {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('int_effect_strata__summed') }}
    where is_adjusted

),

treated_arms as (

    select
        {% for key in keys %}
        {{ key }},
        {% endfor %}
        comparison_code
    from {{ ref('int_effects__compared') }}
    where
        is_adjusted
        and treated_count > 0
        and control_count > 0

),

-- The control stands beside each arm that shares it.
sides as (

    select
        {% for key in keys %}
        treated_arms.{{ key }},
        {% endfor %}
        strata.is_control,
        strata.stratum_code,
        {% for name in sums %}
        strata.{{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from treated_arms
    inner join strata
        on
            treated_arms.campaign_id = strata.campaign_id
            and treated_arms.comparison_code = strata.comparison_code
            and treated_arms.segment_type = strata.segment_type
            and treated_arms.segment_code = strata.segment_code
            and treated_arms.window_days = strata.window_days
            and treated_arms.metric_code = strata.metric_code
            and (strata.is_control or treated_arms.arm_code = strata.arm_code)

),

sizes as (

    select
        {% for key in keys %}
        sides.{{ key }},
        {% endfor %}
        sides.stratum_code,
        sum(sides.user_count) as user_count,
        least(
            sum(case when sides.is_control then 0 else sides.user_count end),
            sum(case when sides.is_control then sides.user_count else 0 end)
        ) as smaller_count,
        sum(case when sides.is_control then 0 else sides.user_count end) as treated_count,
        sum(case when sides.is_control then sides.user_count else 0 end) as control_count
    from sides
    group by
        {% for key in keys %}
        sides.{{ key }},
        {% endfor %}
        sides.stratum_code

),

judged as (

    select
        {% for key in keys %}
        sizes.{{ key }},
        {% endfor %}
        sizes.stratum_code,
        sizes.smaller_count >= rules.min_stratum_count as is_large,
        sum(case when sizes.smaller_count < rules.min_stratum_count then sizes.treated_count else 0 end)
            over (partition by {% for key in keys %}sizes.{{ key }}{{ ', ' if not loop.last }}{% endfor %})
        >= rules.min_stratum_count
        and sum(case when sizes.smaller_count < rules.min_stratum_count then sizes.control_count else 0 end)
            over (partition by {% for key in keys %}sizes.{{ key }}{{ ', ' if not loop.last }}{% endfor %})
        >= rules.min_stratum_count as is_rest_large,
        first_value(
            case when sizes.smaller_count >= rules.min_stratum_count then sizes.stratum_code else 'rest' end
        ) over (
            partition by {% for key in keys %}sizes.{{ key }}{{ ', ' if not loop.last }}{% endfor %}
            order by
                case when sizes.smaller_count >= rules.min_stratum_count then 0 else 1 end,
                sizes.user_count desc,
                sizes.stratum_code
        ) as largest_stratum_code
    from sizes
    cross join rules

),

-- Small strata are put together, and with the largest one if they are small even so. Counts decide, never outcomes.
chosen as (

    select
        {% for key in keys %}
        {{ key }},
        {% endfor %}
        stratum_code,
        case
            when is_large then stratum_code
            when is_rest_large then 'rest'
            else largest_stratum_code
        end as chosen_code
    from judged

)

select
    {% for key in keys %}
    sides.{{ key }},
    {% endfor %}
    chosen.chosen_code as stratum_code,
    {% for name in sums %}
    sum(case when sides.is_control then 0 else sides.{{ name }} end) as t_{{ name }},
    sum(case when sides.is_control then sides.{{ name }} else 0 end) as c_{{ name }}{{ ',' if not loop.last }}
    {% endfor %}
from sides
inner join chosen
    on
        {% for key in keys %}
        sides.{{ key }} = chosen.{{ key }}
        and
        {% endfor %}
        sides.stratum_code = chosen.stratum_code
group by
    {% for key in keys %}
    sides.{{ key }},
    {% endfor %}
    chosen.chosen_code
