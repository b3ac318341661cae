-- One row per changed customer and line: what a key day brought so far, and how many returns were on a reward. Where
-- the days before stand, tonight's come to what yesterday knew of them.
with

rules as (

    {{ worth_rules_in_force() }}

),

customer_lines as (

    select
        user_id,
        line_id,
        first_order_date,
        key_day_count
    from {{ ref('int_customer_lines__delta') }}

),

contributions as (

    select
        user_id,
        line_id,
        sum(contribution_amount) as contribution_amount
    from {{ ref('int_user_days__tonight') }}
    where order_count > 0
    group by
        user_id,
        line_id

),

standing_values as (

    select
        customer_values.user_id,
        customer_values.line_id,
        customer_values.contribution_amount,
        customer_values.return_count,
        customer_values.rewarded_return_count
    from {{ ref('int_customer_lines__standing') }} as standing_lines
    inner join {{ yesterday('int_customer_values') }} as customer_values
        on
            standing_lines.user_id = customer_values.user_id
            and standing_lines.line_id = customer_values.line_id

),

returns as (

    select
        user_id,
        line_id,
        returned_date
    from {{ ref('int_lapse_episodes__delta') }}
    where not is_open

),

redemption_days as (

    select
        user_id,
        line_id,
        redeemed_date
    from {{ ref('int_redemption_days__lined') }}

),

rewarded_returns as (

    select
        returns.user_id,
        returns.line_id,
        returns.returned_date
    from returns
    inner join redemption_days
        on
            returns.user_id = redemption_days.user_id
            and returns.returned_date = redemption_days.redeemed_date
            and coalesce(redemption_days.line_id, returns.line_id) = returns.line_id
    group by
        returns.user_id,
        returns.line_id,
        returns.returned_date

),

return_counts as (

    select
        returns.user_id,
        returns.line_id,
        count(*) as return_count,
        count(rewarded_returns.returned_date) as rewarded_return_count
    from returns
    left join rewarded_returns
        on
            returns.user_id = rewarded_returns.user_id
            and returns.line_id = rewarded_returns.line_id
            and returns.returned_date = rewarded_returns.returned_date
    group by
        returns.user_id,
        returns.line_id

),

counted as (

    select
        customer_lines.user_id,
        customer_lines.line_id,
        customer_lines.key_day_count,
        coalesce(contributions.contribution_amount, 0)
        + coalesce(standing_values.contribution_amount, 0) as contribution_amount,
        coalesce(return_counts.return_count, 0) + coalesce(standing_values.return_count, 0) as return_count,
        coalesce(return_counts.rewarded_return_count, 0)
        + coalesce(standing_values.rewarded_return_count, 0) as rewarded_return_count
    from customer_lines
    left join standing_values
        on
            customer_lines.user_id = standing_values.user_id
            and customer_lines.line_id = standing_values.line_id
    left join contributions
        on
            customer_lines.user_id = contributions.user_id
            and customer_lines.line_id = contributions.line_id
    left join return_counts
        on
            customer_lines.user_id = return_counts.user_id
            and customer_lines.line_id = return_counts.line_id

),

final as (

    select
        counted.user_id,
        counted.line_id,
        counted.key_day_count,
        counted.contribution_amount,
        round(counted.contribution_amount / counted.key_day_count, 6) as contribution_per_key_day_amount,
        counted.return_count,
        counted.rewarded_return_count,
        {{ is_gaming('counted.return_count', 'counted.rewarded_return_count', 'rules.gaming_returns') }} as is_gaming
    from counted
    cross join rules

)

select
    user_id,
    line_id,
    key_day_count,
    {{ plain_amount('contribution_amount') }} as contribution_amount,
    {{ plain_amount('contribution_per_key_day_amount') }} as contribution_per_key_day_amount,
    cast(return_count as integer) as return_count,
    cast(rewarded_return_count as integer) as rewarded_return_count,
    is_gaming
from final
