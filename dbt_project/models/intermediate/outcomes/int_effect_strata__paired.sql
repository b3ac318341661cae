-- One row per campaign, treated arm, segment, window, metric and stratum: the sums of arm and control side by side, in
-- strata that are large enough on both sides.
{{ config(materialized='table') }}

{%- set keys = effect_keys() %}
{%- set sums = ['user_count'] + effect_sums() %}

with

rules as (

    {{ effect_rules_in_force() }}

),

strata as (

    select
        {{ each_of(keys) }},
        comparison_code,
        is_control,
        stratum_code,
        {{ each_of(sums) }}
    from {{ ref('int_effect_strata__summed') }}
    where is_adjusted

),

treated_arms as (

    select
        {{ each_of(keys) }},
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
        {{ each_of(keys, 'treated_arms.$') }},
        strata.is_control,
        strata.stratum_code,
        {{ each_of(sums, 'strata.$') }}
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

counts as (

    select
        {{ each_of(keys) }},
        stratum_code,
        sum(user_count) as user_count,
        sum(case when is_control then 0 else user_count end) as treated_count,
        sum(case when is_control then user_count else 0 end) as control_count
    from sides
    group by
        {{ each_of(keys) }},
        stratum_code

),

sizes as (

    select
        counts.*,
        least(counts.treated_count, counts.control_count) >= rules.min_stratum_count as is_large,
        rules.min_stratum_count
    from counts
    cross join rules

),

judged as (

    select
        {{ each_of(keys) }},
        stratum_code,
        is_large,
        min_stratum_count,
        sum(case when is_large then 0 else treated_count end) over (
            partition by
                {{ each_of(keys) }}
        ) as rest_treated_count,
        sum(case when is_large then 0 else control_count end) over (
            partition by
                {{ each_of(keys) }}
        ) as rest_control_count,
        first_value(case when is_large then stratum_code else 'rest' end) over (
            partition by
                {{ each_of(keys) }}
            order by
                case when is_large then 0 else 1 end,
                user_count desc,
                stratum_code
        ) as largest_stratum_code
    from sizes

),

-- Small strata are put together, and with the largest one if they are small even so. Counts decide, never outcomes.
chosen as (

    select
        {{ each_of(keys) }},
        stratum_code,
        case
            when is_large then stratum_code
            when least(rest_treated_count, rest_control_count) >= min_stratum_count then 'rest'
            else largest_stratum_code
        end as chosen_code
    from judged

)

select
    {{ each_of(keys, 'sides.$') }},
    chosen.chosen_code as stratum_code,
    {{ each_of(sums, 'sum(case when sides.is_control then 0 else sides.$ end) as t_$') }},
    {{ each_of(sums, 'sum(case when sides.is_control then sides.$ else 0 end) as c_$') }}
from sides
inner join chosen
    on
        {{ each_of(keys + ['stratum_code'], 'sides.$ = chosen.$', ' and') }}
group by
    {{ each_of(keys, 'sides.$') }},
    chosen.chosen_code
