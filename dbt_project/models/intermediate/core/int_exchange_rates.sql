-- One row per currency and date from which a rate holds: the rates that the published orders were converted with.
{{ config(materialized='published', scope='all', contract={'enforced': true}) }}

select
    currency_code,
    rate_date,
    rate
from {{ ref('int_exchange_rates__delta') }}
