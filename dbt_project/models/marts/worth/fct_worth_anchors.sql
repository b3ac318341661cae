-- One row per open episode: what its customer's return is worth, and how likely it is if nobody does anything.
{{ config(materialized='stable_view') }}

select
    layers.user_id,
    layers.line_id,
    layers.episode_number,
    layers.last_key_date,
    layers.as_of_date,
    {{ days_between('layers.last_key_date', 'layers.as_of_date') }} as quiet_days,
    layers.layer_code,
    second_lifetimes.fitted_date,
    untouched_returns.horizon_days,
    {{ second_lifetime_value(
        'customer_values.contribution_per_key_day_amount', 'second_lifetimes.key_days_per_lifetime'
    ) }} as value_amount,
    untouched_returns.return_rate as return_rate_untouched,
    coalesce(churn_reasons.reason_code, 'unknown') as churn_reason_code,
    customer_values.is_gaming,
    case
        when second_lifetimes.key_days_per_lifetime is null or untouched_returns.return_rate is null then false
        else true
    end as has_fit
from {{ ref('fct_recall_layers') }} as layers
inner join {{ ref('int_customer_values') }} as customer_values
    on
        layers.user_id = customer_values.user_id
        and layers.line_id = customer_values.line_id
left join {{ ref('fct_churn_reasons') }} as churn_reasons
    on
        layers.user_id = churn_reasons.user_id
        and layers.line_id = churn_reasons.line_id
        and layers.last_key_date = churn_reasons.last_key_date
        and churn_reasons.is_primary
left join {{ rows_of_latest_fit(ref('fct_second_lifetimes')) }} as second_lifetimes
    on layers.line_id = second_lifetimes.line_id
left join {{ rows_of_latest_fit(ref('fct_untouched_returns')) }} as last_days
    on
        layers.line_id = last_days.line_id
        and layers.layer_code = last_days.layer_code
        and last_days.quiet_days = last_days.last_quiet_days
left join {{ rows_of_latest_fit(ref('fct_untouched_returns')) }} as untouched_returns
    on
        last_days.line_id = untouched_returns.line_id
        and last_days.layer_code = untouched_returns.layer_code
        and least(
            {{ days_between('layers.last_key_date', 'layers.as_of_date') }}, last_days.last_quiet_days
        ) = untouched_returns.quiet_days
