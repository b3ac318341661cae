-- One row per campaign and person whose outcomes are taken out tonight, and followed anew where the entry still stands.
-- None where all of them are, and where nothing but the ledger may say something else only what it says.
{{ config(materialized='table', post_hook='{{ analyze(this) }}') }}

select
    campaign_id,
    person_id
from {{ ref('int_entries__moved') }}
where {{ (outcomes_begin() != 'rebuild') | lower }}

union

select
    campaign_id,
    person_id
from {{ ref('int_entries__changed') }}
where {{ (outcomes_begin() == 'night') | lower }}
