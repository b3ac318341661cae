-- One row per month from that of the first answer to D's: promoters, passives, detractors and the net promoter score.
{{ config(scope='all') }}

select
    month,
    is_complete,
    promoter_count,
    passive_count,
    detractor_count,
    nps
from {{ ref('int_nps__delta') }}
