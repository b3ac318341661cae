-- One row per profiled episode, open or returned: age at the lapse, and the persona by the first rule that holds.
{{ config(post_hook='{{ analyze(this) }}') }}

with

episodes as (

    select
        user_id,
        line_id,
        last_key_date,
        lapsed_date,
        birth_date,
        order_count,
        net_amount,
        average_order_amount,
        customer_days
    from {{ ref('int_persona_measures__summed') }}

),

rules as (

    {{ persona_rules_in_force() }}

),

measures as (

    select
        user_id,
        line_id,
        last_key_date,
        {{ age_in_years('birth_date', 'lapsed_date') }} as age_years,
        order_count,
        net_amount,
        average_order_amount,
        customer_days
    from episodes

),

conditions as (

    select
        measures.user_id,
        measures.line_id,
        measures.last_key_date,
        measures.age_years,
        rules.rule_number,
        rules.persona_code,
        rules.measure_code,
        rules.minimum,
        rules.maximum,
        cast(
            case rules.measure_code
                when 'order_count' then measures.order_count
                when 'net_amount' then measures.net_amount
                when 'average_order_amount' then measures.average_order_amount
                when 'customer_days' then measures.customer_days
                when 'age_years' then measures.age_years
            end as {{ numeric_type() }}
        ) as measure
    from measures
    cross join rules

),

-- A rule holds if none of its conditions fails; an unknown measure fails, the last rule has no condition.
held_rules as (

    select
        user_id,
        line_id,
        last_key_date,
        age_years,
        rule_number,
        persona_code
    from conditions
    group by
        user_id,
        line_id,
        last_key_date,
        age_years,
        rule_number,
        persona_code
    having
        min(
            case
                when measure_code is null then 1
                when {{ is_condition_met('measure', 'minimum', 'maximum') }} then 1
                else 0
            end
        ) = 1

),

numbered_rules as (

    select
        user_id,
        line_id,
        last_key_date,
        age_years,
        persona_code,
        row_number() over (partition by user_id, line_id, last_key_date order by rule_number) as rank_number
    from held_rules

)

select
    user_id,
    line_id,
    last_key_date,
    age_years,
    persona_code
from numbered_rules
where rank_number = 1
