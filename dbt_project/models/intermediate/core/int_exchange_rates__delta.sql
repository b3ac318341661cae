-- One row per currency and date from which a rate holds, as delivered with the definitions.
{{ config(post_hook='{{ analyze(this) }}') }}

select
    currency_code,
    rate_date,
    rate
from {{ source('definitions', 'exchange_rates') }}
