-- One row per line in force: whether its customers are enough for a model of buyers, and if not, why.
{{ config(materialized='stable_view') }}

with

lines as (

    select line_id
    from {{ ref('int_lines__delta') }}
    where not is_reserved

),

rules as (

    {{ survival_rules_in_force() }}

),

patterns as (

    select
        line_id,
        sum(customer_count) as buyer_count,
        max(age_days) as history_days,
        min(age_days - recency_days) as silent_days,
        max(repeat_order_count) as max_repeat_order_count
    from {{ ref('int_order_patterns__counted') }}
    group by line_id

)

select
    lines.line_id,
    rules.model_code,
    coalesce(patterns.buyer_count, 0) as buyer_count,
    case
        when coalesce(patterns.buyer_count, 0) < rules.min_buyer_count then 'too_few_buyers'
        when patterns.history_days < rules.min_history_days then 'history_too_short'
        when patterns.silent_days >= rules.max_silent_days then 'no_recent_orders'
        when patterns.max_repeat_order_count = 0 then 'no_repeat_orders'
    end as reason_code
from lines
cross join rules
left join patterns
    on lines.line_id = patterns.line_id
