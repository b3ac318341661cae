-- One row per open episode of a changed user: age at the lapse, and the persona by the first rule that holds.
with

episodes as (

    select
        user_id,
        line_id,
        lapsed_date,
        order_count,
        net_amount,
        average_order_amount,
        customer_days
    from {{ ref('int_persona_measures__summed') }}

),

users as (

    select
        user_id,
        birth_date
    from {{ ref('int_users__delta') }}

),

rules as (

    {{ persona_rules_in_force() }}

),

measures as (

    select
        episodes.user_id,
        episodes.line_id,
        {{ age_in_years('users.birth_date', 'episodes.lapsed_date') }} as age_years,
        episodes.order_count,
        episodes.net_amount,
        episodes.average_order_amount,
        episodes.customer_days
    from episodes
    left join users
        on episodes.user_id = users.user_id

),

conditions as (

    select
        measures.user_id,
        measures.line_id,
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
            end as numeric
        ) as measure
    from measures
    cross join rules

),

-- A rule holds if none of its conditions fails; an unknown measure fails, the last rule has no condition.
held_rules as (

    select
        user_id,
        line_id,
        age_years,
        rule_number,
        persona_code
    from conditions
    group by
        user_id,
        line_id,
        age_years,
        rule_number,
        persona_code
    having
        min(
            case
                when measure_code is null then 1
                when measure >= coalesce(minimum, measure) and (maximum is null or measure < maximum) then 1
                else 0
            end
        ) = 1

),

numbered_rules as (

    select
        user_id,
        line_id,
        age_years,
        persona_code,
        row_number() over (partition by user_id, line_id order by rule_number) as rank_number
    from held_rules

)

select
    user_id,
    line_id,
    age_years,
    persona_code
from numbered_rules
where rank_number = 1
