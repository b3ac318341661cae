-- One row per profiled episode, open or returned, and reason that speaks, with its score and evidence; unknown where
-- none does.
{{ config(post_hook='{{ analyze(this) }}') }}

with

episodes as (

    select
        user_id,
        line_id,
        last_key_date
    from {{ ref('int_episodes__profiled') }}

),

conditions as (

    select
        user_id,
        line_id,
        last_key_date,
        reason_code,
        rule_number,
        signal_code,
        score,
        members
    from {{ ref('int_reason_conditions__met') }}

),

rules as (

    {{ reason_rules_in_force() }}

),

rule_sizes as (

    select
        reason_code,
        rule_number,
        count(*) as condition_count
    from rules
    where signal_code is not null
    group by
        reason_code,
        rule_number

),

held_rules as (

    select
        conditions.user_id,
        conditions.line_id,
        conditions.last_key_date,
        conditions.reason_code,
        conditions.rule_number,
        conditions.score
    from conditions
    inner join rule_sizes
        on
            conditions.reason_code = rule_sizes.reason_code
            and conditions.rule_number = rule_sizes.rule_number
    group by
        conditions.user_id,
        conditions.line_id,
        conditions.last_key_date,
        conditions.reason_code,
        conditions.rule_number,
        conditions.score,
        rule_sizes.condition_count
    having count(*) = rule_sizes.condition_count

),

scores as (

    select
        user_id,
        line_id,
        last_key_date,
        reason_code,
        least(1, sum(score)) as score
    from held_rules
    group by
        user_id,
        line_id,
        last_key_date,
        reason_code

),

-- A signal that several rules of a reason ask for is evidence once.
speaking_signals as (

    select
        conditions.user_id,
        conditions.line_id,
        conditions.last_key_date,
        conditions.reason_code,
        conditions.signal_code,
        conditions.members
    from conditions
    inner join held_rules
        on
            conditions.user_id = held_rules.user_id
            and conditions.line_id = held_rules.line_id
            and conditions.last_key_date = held_rules.last_key_date
            and conditions.reason_code = held_rules.reason_code
            and conditions.rule_number = held_rules.rule_number
    group by
        conditions.user_id,
        conditions.line_id,
        conditions.last_key_date,
        conditions.reason_code,
        conditions.signal_code,
        conditions.members

),

evidence as (

    select
        user_id,
        line_id,
        last_key_date,
        reason_code,
        '{' || {{ joined_texts('members', 'signal_code', ', ') }} || '}' as evidence
    from speaking_signals
    group by
        user_id,
        line_id,
        last_key_date,
        reason_code

),

reasons as (

    select
        scores.user_id,
        scores.line_id,
        scores.last_key_date,
        scores.reason_code,
        scores.score,
        evidence.evidence
    from scores
    inner join evidence
        on
            scores.user_id = evidence.user_id
            and scores.line_id = evidence.line_id
            and scores.last_key_date = evidence.last_key_date
            and scores.reason_code = evidence.reason_code

    union all

    select
        episodes.user_id,
        episodes.line_id,
        episodes.last_key_date,
        rules.reason_code,
        rules.score,
        '{}' as evidence
    from episodes
    cross join rules
    left join scores
        on
            episodes.user_id = scores.user_id
            and episodes.line_id = scores.line_id
            and episodes.last_key_date = scores.last_key_date
    where
        rules.signal_code is null
        and scores.user_id is null

)

select
    reasons.user_id,
    reasons.line_id,
    reasons.last_key_date,
    reasons.reason_code,
    reasons.score,
    reasons.evidence,
    (
        row_number() over (
            partition by reasons.user_id, reasons.line_id, reasons.last_key_date
            order by reasons.score desc, reason_orders.reason_order
        ) = 1
    ) as is_primary
from reasons
inner join ({{ reasons_in_order() }}) as reason_orders
    on reasons.reason_code = reason_orders.reason_code
