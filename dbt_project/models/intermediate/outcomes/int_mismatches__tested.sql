-- One row per campaign of ours whose arms can be compared with how they were drawn: chi-square and its p.
{{ config(materialized='table') }}

with

rules as (

    {{ effect_rules_in_force() }}

),

assignments as (

    select
        campaign_id,
        campaign_version,
        arm_code,
        is_campaign_holdout
    from {{ source('ledger', 'assignments') }}
    where
        assigned_date <= {{ as_of_date() }}
        and not is_global_holdout

),

-- Hashes of 0 to 4294967296 draw arms and holdout, each in proportion to the file's weights.
arms as (

    select
        arms.campaign_id,
        arms.campaign_version,
        arms.arm_code,
        arms.comparison_code,
        cast(arms.hash_end - arms.hash_begin as {{ numeric_type() }}) as arm_span,
        sum(cast(arms.hash_end - arms.hash_begin as {{ numeric_type() }}))
            over (partition by arms.campaign_id, arms.campaign_version, arms.comparison_code) as group_span,
        cast(campaigns.holdout_hash_end as {{ numeric_type() }}) / 4294967296 as holdout_rate
    from {{ ref('int_campaign_arms__grouped') }} as arms
    inner join {{ source('definitions', 'campaigns') }} as campaigns
        on
            arms.campaign_id = campaigns.campaign_id
            and arms.campaign_version = campaigns.campaign_version

),

observed as (

    select
        campaign_id,
        campaign_version,
        arm_code,
        sum(case when is_campaign_holdout then 0 else 1 end) as treated_count,
        sum(case when is_campaign_holdout then 1 else 0 end) as held_out_count
    from assignments
    group by
        campaign_id,
        campaign_version,
        arm_code

),

-- Who becomes a member differs by treatment, so sizes are compared within it; and within a version, whose weights may
-- differ.
drawn as (

    select
        arms.campaign_id,
        arms.campaign_version,
        arms.comparison_code,
        arms.arm_code,
        arms.arm_span / nullif(arms.group_span, 0) as arm_rate,
        arms.holdout_rate,
        coalesce(observed.treated_count, 0) as treated_count,
        sum(coalesce(observed.held_out_count, 0))
            over (partition by arms.campaign_id, arms.campaign_version, arms.comparison_code) as held_out_count,
        sum(coalesce(observed.treated_count, 0) + coalesce(observed.held_out_count, 0))
            over (partition by arms.campaign_id, arms.campaign_version, arms.comparison_code) as person_count,
        row_number() over (
            partition by arms.campaign_id, arms.campaign_version, arms.comparison_code
            order by arms.arm_code
        ) as arm_number
    from arms
    left join observed
        on
            arms.campaign_id = observed.campaign_id
            and arms.campaign_version = observed.campaign_version
            and arms.arm_code = observed.arm_code

),

cells as (

    select
        campaign_id,
        campaign_version,
        comparison_code,
        treated_count as observed_count,
        person_count * (1 - holdout_rate) * arm_rate as expected_count
    from drawn
    where
        person_count > 0
        and arm_rate > 0
        and holdout_rate < 1

    union all

    select
        campaign_id,
        campaign_version,
        comparison_code,
        held_out_count as observed_count,
        person_count * holdout_rate as expected_count
    from drawn
    where
        arm_number = 1
        and person_count > 0
        and holdout_rate > 0

),

-- Chi-square needs some persons in every cell; a group where that is not so yet is left out.
groups as (

    select
        cells.campaign_id,
        sum({{ chi_square_term('cells.observed_count', 'cells.expected_count') }}) as chi_square,
        count(*) - 1 as degrees_of_freedom
    from cells
    cross join rules
    group by
        cells.campaign_id,
        cells.campaign_version,
        cells.comparison_code,
        rules.min_expected_count
    having
        min(cells.expected_count) >= rules.min_expected_count
        and count(*) > 1

),

-- The share of the global holdout may have changed over the days, so each person brings the share of its own day.
program as (

    select
        sum(case when is_global_holdout then 1 else 0 end) as observed_count,
        sum(holdout_rate) as expected_count,
        sum(holdout_rate * (1 - holdout_rate)) as expected_variance,
        count(*) as person_count
    from {{ source('ledger', 'global_holdouts') }}
    where drawn_date <= {{ as_of_date() }}

),

tests as (

    select
        campaign_id,
        sum(chi_square) as chi_square,
        sum(degrees_of_freedom) as degrees_of_freedom
    from groups
    group by campaign_id

    union all

    select
        {{ program_campaign_id() }} as campaign_id,
        power(program.observed_count - program.expected_count, 2) / program.expected_variance as chi_square,
        1 as degrees_of_freedom
    from program
    cross join rules
    where
        program.expected_count >= rules.min_expected_count
        and program.person_count - program.expected_count >= rules.min_expected_count

),

doubles as (

    select
        campaign_id,
        cast(chi_square as {{ type_double() }}) as chi_square,
        cast(degrees_of_freedom as integer) as degrees_of_freedom
    from tests

),

-- The logarithm of a product of odd or even numbers is a running sum of theirs.
terms as (

    select
        doubles.campaign_id,
        doubles.chi_square,
        doubles.degrees_of_freedom,
        numbers.series_number,
        2 * numbers.series_number - mod(doubles.degrees_of_freedom, 2) as power_number,
        sum(ln(cast(2 * numbers.series_number - mod(doubles.degrees_of_freedom, 2) as {{ type_double() }})))
            over (partition by doubles.campaign_id order by numbers.series_number) as product_logarithm
    from doubles
    cross join lateral {{ number_series('1', 'greatest((doubles.degrees_of_freedom - 1) / 2, 1)') }} as numbers
    where
        doubles.chi_square > 0
        and numbers.series_number <= (doubles.degrees_of_freedom - 1) / 2

),

series as (

    select
        campaign_id,
        sum({{ bounded_exp('(power_number * ln(chi_square) / 2 - product_logarithm - chi_square / 2)') }})
            as term_total
    from terms
    group by campaign_id

),

final as (

    select
        doubles.campaign_id,
        doubles.chi_square,
        doubles.degrees_of_freedom,
        case
            when doubles.chi_square > 0
                then
                    {{ chi_square_tail('doubles.chi_square', 'doubles.degrees_of_freedom', 'series.term_total') }}
            else 1
        end as mismatch_p
    from doubles
    left join series
        on doubles.campaign_id = series.campaign_id

)

select
    campaign_id,
    degrees_of_freedom,
    round(cast(chi_square as {{ numeric_type() }}), 6) as chi_square,
    -- Far digits of a double depend on the order of its sums, and the formula is right to seven.
    round(cast(least(mismatch_p, 1) as {{ numeric_type() }}), 9) as mismatch_p
from final
