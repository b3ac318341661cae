-- One row per campaign, arm, offer, reason and day after the return: how many of the returned had lapsed again by then.
{{ config(materialized='table') }}

with

rules as (

    {{ effect_rules_in_force() }}

),

relapse_days as (

    {{ relapse_days_in_force() }}

),

returns as (

    select
        campaign_id,
        person_id,
        user_id,
        line_id,
        arm_code,
        offer_code,
        reason_code,
        returned_date,
        relapse_key_date,
        relapse_days,
        known_days,
        first_order_date,
        first_last_key_date
    from {{ ref('int_returns__followed') }}

),

days as (

    select
        user_id,
        line_id,
        activity_date,
        contribution_amount
    from {{ ref('fct_user_days') }}

),

-- Both lifetimes are looked at for as many days, of the same persons, and no longer than they lasted.
lifetime_days as (

    select
        returns.campaign_id,
        returns.person_id,
        {{ days_between('returns.returned_date', 'days.activity_date') }} as day_number,
        days.contribution_amount as second_amount,
        0 as first_amount
    from returns
    inner join days
        on
            returns.user_id = days.user_id
            and returns.line_id = days.line_id
            and returns.returned_date <= days.activity_date
            and (returns.relapse_key_date is null or returns.relapse_key_date >= days.activity_date)

    union all

    select
        returns.campaign_id,
        returns.person_id,
        {{ days_between('returns.first_order_date', 'days.activity_date') }} as day_number,
        0 as second_amount,
        days.contribution_amount as first_amount
    from returns
    inner join days
        on
            returns.user_id = days.user_id
            and returns.line_id = days.line_id
            and returns.first_order_date <= days.activity_date
            and returns.first_last_key_date >= days.activity_date

),

known_returns as (

    select
        returns.campaign_id,
        returns.person_id,
        returns.arm_code,
        returns.offer_code,
        returns.reason_code,
        relapse_days.day_number,
        case when returns.relapse_days <= relapse_days.day_number then 1 else 0 end as relapsed_count
    from returns
    inner join relapse_days
        on returns.known_days >= relapse_days.day_number

),

valued as (

    select
        known_returns.campaign_id,
        known_returns.person_id,
        known_returns.arm_code,
        known_returns.offer_code,
        known_returns.reason_code,
        known_returns.day_number,
        known_returns.relapsed_count,
        coalesce(sum(lifetime_days.second_amount), 0) as second_amount,
        coalesce(sum(lifetime_days.first_amount), 0) as first_amount
    from known_returns
    left join lifetime_days
        on
            known_returns.campaign_id = lifetime_days.campaign_id
            and known_returns.person_id = lifetime_days.person_id
            and known_returns.day_number >= lifetime_days.day_number
    group by
        known_returns.campaign_id,
        known_returns.person_id,
        known_returns.arm_code,
        known_returns.offer_code,
        known_returns.reason_code,
        known_returns.day_number,
        known_returns.relapsed_count

),

-- Of every reason together, and of each.
reasoned as (

    select
        valued.*,
        'all' as counted_reason_code
    from valued

    union all

    select
        valued.*,
        reason_code as counted_reason_code
    from valued

),

counted as (

    select
        campaign_id,
        arm_code,
        offer_code,
        counted_reason_code as reason_code,
        day_number,
        count(*) as returned_count,
        sum(relapsed_count) as relapsed_count,
        sum(second_amount) as second_amount,
        sum(first_amount) as first_amount
    from reasoned
    group by
        campaign_id,
        arm_code,
        offer_code,
        counted_reason_code,
        day_number

),

-- An offer against all others who returned in the same campaign, the control among them.
offers as (

    select
        counted.*,
        cast(sum(returned_count) over (
            partition by campaign_id, offer_code, reason_code, day_number
        ) as {{ numeric_type() }}) as offer_count,
        cast(sum(relapsed_count) over (
            partition by campaign_id, offer_code, reason_code, day_number
        ) as {{ numeric_type() }}) as offer_relapsed_count,
        cast(sum(returned_count) over (
            partition by campaign_id, reason_code, day_number
        ) as {{ numeric_type() }}) as campaign_count,
        cast(sum(relapsed_count) over (
            partition by campaign_id, reason_code, day_number
        ) as {{ numeric_type() }}) as campaign_relapsed_count
    from counted

),

compared as (

    select
        offers.*,
        campaign_count - offer_count as others_count,
        offer_relapsed_count / offer_count
        - (campaign_relapsed_count - offer_relapsed_count) / nullif(campaign_count - offer_count, 0) as rate_difference,
        {{ sample_variance('offer_count', 'offer_relapsed_count', 'offer_relapsed_count') }} / offer_count
            as offer_variance,
        {{ sample_variance(
            '(campaign_count - offer_count)', '(campaign_relapsed_count - offer_relapsed_count)',
            '(campaign_relapsed_count - offer_relapsed_count)'
        ) }} / nullif(campaign_count - offer_count, 0) as others_variance
    from offers

),

tested as (

    select
        compared.*,
        offer_variance + others_variance as difference_variance,
        {{ welch_term('offer_variance', 'offer_count') }} + {{ welch_term('others_variance', 'others_count') }}
            as welch_term
    from compared

)

select
    tested.campaign_id,
    tested.arm_code,
    tested.offer_code,
    tested.reason_code,
    tested.day_number,
    cast(tested.returned_count as integer) as returned_count,
    cast(tested.relapsed_count as integer) as relapsed_count,
    round(cast(tested.relapsed_count as {{ numeric_type() }}) / tested.returned_count, 6) as relapse_rate,
    round(tested.second_amount / tested.returned_count, 6) as second_lifetime_value_amount,
    round(tested.first_amount / tested.returned_count, 6) as first_lifetime_value_amount,
    coalesce(
        tested.offer_code <> 'none'
        and tested.offer_count >= rules.min_relapse_count
        and tested.others_count >= rules.min_relapse_count
        and tested.rate_difference
        > {{ student_t_quantile(welch_degrees_of_freedom('tested.difference_variance', 'tested.welch_term')) }}
        * sqrt(tested.difference_variance),
        false
    ) as is_lapsing_faster
from tested
cross join rules
