-- One row per customer and line that has not lapsed as of D: whether the customer still is one, by the latest fit.
{{ config(materialized='stable_view') }}

with

published as (

    select as_of_date
    from {{ source('control', 'published') }}

),

latest_fits as (

    select max(limits.fitted_date) as fitted_date
    from {{ ref('fct_churn_limits') }} as limits
    inner join published
        on limits.fitted_date <= published.as_of_date

),

fits as (

    select
        limits.fitted_date,
        limits.line_id,
        limits.survival_model_code as model_code,
        cast(limits.survival_r as {{ type_double() }}) as r,
        cast(limits.survival_alpha_days as {{ type_double() }}) as alpha_days,
        cast(limits.survival_a as {{ type_double() }}) as a,
        cast(limits.survival_b as {{ type_double() }}) as b
    from {{ ref('fct_churn_limits') }} as limits
    inner join latest_fits
        on limits.fitted_date = latest_fits.fitted_date
    where limits.survival_reason_code is null

),

customers as (

    select
        customer_lines.user_id,
        customer_lines.line_id,
        published.as_of_date,
        customer_lines.order_day_count - 1 as repeat_order_count,
        {{ days_between('customer_lines.first_order_date', 'customer_lines.last_order_date') }} as recency_days,
        {{ days_between('customer_lines.first_order_date', 'published.as_of_date') }} as age_days
    from {{ ref('int_customer_lines') }} as customer_lines
    cross join published
    where not customer_lines.has_open_episode

),

steps as (

    select
        customers.user_id,
        customers.line_id,
        customers.as_of_date,
        customers.repeat_order_count,
        customers.recency_days,
        customers.age_days,
        fits.fitted_date,
        fits.model_code,
        fits.r,
        fits.alpha_days,
        fits.a,
        fits.b,
        {{ order_series_step('fits', 'customers.age_days', 90) }} as series_step
    from customers
    left join fits
        on customers.line_id = fits.line_id

),

summed_steps as (

    select
        steps.user_id,
        steps.line_id,
        steps.as_of_date,
        steps.repeat_order_count,
        steps.recency_days,
        steps.age_days,
        steps.fitted_date,
        steps.model_code,
        steps.r,
        steps.alpha_days,
        steps.a,
        steps.b,
        steps.series_step,
        sum(terms.coefficient * {{ bounded_exp('terms.term_number * ln(steps.series_step)') }}) as series
    from steps
    left join {{ source('control', 'survival_terms') }} as terms
        on
            steps.fitted_date = terms.fitted_date
            and steps.line_id = terms.line_id
            and steps.repeat_order_count = terms.repeat_order_count
    group by
        steps.user_id,
        steps.line_id,
        steps.as_of_date,
        steps.repeat_order_count,
        steps.recency_days,
        steps.age_days,
        steps.fitted_date,
        steps.model_code,
        steps.r,
        steps.alpha_days,
        steps.a,
        steps.b,
        steps.series_step

),

estimates as (

    select
        user_id,
        line_id,
        as_of_date,
        repeat_order_count,
        recency_days,
        age_days,
        fitted_date,
        {{ alive_probability('summed_steps', 'repeat_order_count', 'recency_days', 'age_days') }} as alive_probability,
        {{ expected_orders_if_alive('summed_steps', 'repeat_order_count', 'series_step', 'series') }}
            as expected_order_count_if_alive
    from summed_steps

)

select
    user_id,
    line_id,
    as_of_date,
    cast(round(cast(alive_probability as {{ numeric_type() }}), 6) as {{ numeric_type() }}) as alive_probability,
    cast(
        round(
            cast(alive_probability * expected_order_count_if_alive as {{ numeric_type() }}), 6
        ) as {{ numeric_type() }}
    ) as expected_order_count_90d,
    repeat_order_count,
    recency_days,
    age_days,
    fitted_date
from estimates
