-- One row per month and channel: what new customers cost and bring, beside what returned ones cost and bring.
-- Built with the outcomes, because the returned side is what campaigns caused.
{{ config(scope='all') }}

select
    month,
    channel,
    is_complete,
    new_count,
    new_matured_count,
    new_cost_amount,
    new_cost_per_customer_amount,
    new_contribution_amount,
    new_retention_rate_30d,
    recalled_count,
    immature_count,
    returned_count,
    caused_return_count,
    not_estimable_reason,
    recall_cost_amount,
    recall_cost_per_caused_amount,
    returned_contribution_amount,
    returned_retention_rate_30d
from {{ ref('int_acquisition_balance__delta') }}
