-- One row per arm that is compared: the chance that it is the best of its group, if each mean is normal about what
-- was seen. P(best) is the integral over z of phi(z) times, for every other arm b, Phi((m + s z - m_b) / s_b): by the
-- trapezoid rule from -6 to 6 in steps of 0.02, divided by the group's sum.
{{ config(materialized='table') }}

with

arms as (

    select
        arms.campaign_id,
        arms.comparison_code,
        arms.arm_code,
        cast(arms.profit_mean as {{ type_double() }}) as profit_mean,
        sqrt(cast(arms.profit_mean_variance as {{ type_double() }})) as standard_error
    from {{ ref('int_arms__valued') }} as arms
    inner join {{ ref('int_arms__compared') }} as compared
        on
            arms.campaign_id = compared.campaign_id
            and arms.comparison_code = compared.comparison_code
            and arms.arm_code = compared.arm_code
    where compared.not_comparable_reason is null

),

nodes as (

    select
        arms.campaign_id,
        arms.comparison_code,
        arms.arm_code,
        numbers.series_number as node_number,
        cast(numbers.series_number as {{ type_double() }}) / 50 as z,
        arms.profit_mean + arms.standard_error * numbers.series_number / 50 as profit_mean
    from arms
    cross join {{ number_series(-300, 300) }} as numbers

),

distances as (

    select
        nodes.campaign_id,
        nodes.comparison_code,
        nodes.arm_code,
        nodes.node_number,
        nodes.z,
        (nodes.profit_mean - others.profit_mean) / others.standard_error as x
    from nodes
    inner join arms as others
        on
            nodes.campaign_id = others.campaign_id
            and nodes.comparison_code = others.comparison_code
            and nodes.arm_code <> others.arm_code

),

-- A product is the sum of logarithms; rounded, so that it is the same in whatever order it is summed.
beaten as (

    select
        campaign_id,
        comparison_code,
        arm_code,
        node_number,
        z,
        sum(round(cast(ln(greatest({{ normal_below('x') }}, 1e-30)) as {{ numeric_type() }}), 12)) as log_chance
    from distances
    group by
        campaign_id,
        comparison_code,
        arm_code,
        node_number,
        z

),

weighed as (

    select
        campaign_id,
        comparison_code,
        arm_code,
        sum(
            round(
                cast(
                    {{ bounded_exp('(cast(log_chance as ' ~ type_double() ~ ') - z * z / 2)') }}
                    as {{ numeric_type() }}
                ),
                12
            )
        ) as weight
    from beaten
    group by
        campaign_id,
        comparison_code,
        arm_code

)

select
    campaign_id,
    comparison_code,
    arm_code,
    round(weight / sum(weight) over (partition by campaign_id, comparison_code), 6) as best_probability
from weighed
