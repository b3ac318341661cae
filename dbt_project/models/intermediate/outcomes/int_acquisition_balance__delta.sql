-- One row per month and channel in which customers were won, money was spent on that, or users were recalled.
{{ config(materialized='table') }}

with

new_customers as (

    select
        {{ month_start('cohort_date') }} as month,
        acquisition_channel as channel,
        sum(new_count) as new_count,
        sum(
            case
                when {{ add_days('cohort_date', balance_retention_day()) }} <= {{ as_of_date() }} then new_count
                else 0
            end
        ) as matured_count,
        sum(active_30d_count) as active_30d_count,
        sum(contribution_amount) as contribution_amount
    from {{ ref('int_new_customers') }}
    group by
        {{ month_start('cohort_date') }},
        acquisition_channel

),

acquisition_costs as (

    select
        {{ month_start('cost_date') }} as month,
        channel,
        sum(cost_amount) as cost_amount
    from {{ ref('stg_landing__acquisition_costs') }}
    group by
        {{ month_start('cost_date') }},
        channel

),

recalled_months as (

    select
        month,
        channel,
        recalled_count,
        immature_count,
        returned_count,
        caused_return_count,
        cost_amount,
        contribution_amount,
        retention_rate_30d,
        not_estimable_reason
    from {{ ref('int_recalled_months__summed') }}

),

months as (

    select
        month,
        channel
    from new_customers

    union

    select
        month,
        channel
    from acquisition_costs

    union

    select
        month,
        channel
    from recalled_months

)

select
    months.month,
    months.channel,
    ({{ next_month('months.month') }} <= {{ add_days(as_of_date(), 1) }}) as is_complete,
    cast(coalesce(new_customers.new_count, 0) as integer) as new_count,
    cast(coalesce(new_customers.matured_count, 0) as integer) as new_matured_count,
    {{ plain_amount('acquisition_costs.cost_amount') }} as new_cost_amount,
    round(acquisition_costs.cost_amount / nullif(new_customers.new_count, 0), 2) as new_cost_per_customer_amount,
    {{ plain_amount('coalesce(new_customers.contribution_amount, 0)') }} as new_contribution_amount,
    round(cast(new_customers.active_30d_count as {{ numeric_type() }}) / nullif(new_customers.matured_count, 0), 6)
        as new_retention_rate_30d,
    coalesce(recalled_months.recalled_count, 0) as recalled_count,
    coalesce(recalled_months.immature_count, 0) as immature_count,
    coalesce(recalled_months.returned_count, 0) as returned_count,
    recalled_months.caused_return_count,
    case when recalled_months.channel is null then 'nobody was recalled' else recalled_months.not_estimable_reason end
        as not_estimable_reason,
    recalled_months.cost_amount as recall_cost_amount,
    case
        when recalled_months.caused_return_count > 0
            then round(recalled_months.cost_amount / recalled_months.caused_return_count, 2)
    end as recall_cost_per_caused_amount,
    recalled_months.contribution_amount as returned_contribution_amount,
    recalled_months.retention_rate_30d as returned_retention_rate_30d
from months
left join new_customers
    on
        months.month = new_customers.month
        and months.channel = new_customers.channel
left join acquisition_costs
    on
        months.month = acquisition_costs.month
        and months.channel = acquisition_costs.channel
left join recalled_months
    on
        months.month = recalled_months.month
        and months.channel = recalled_months.channel
