-- One row per line that has a visit up to D: since when its visits count in the layers that outcomes have seen.
{{ config(materialized='table') }}

select
    line_id,
    first_visit_date
from {{ ref('int_line_visits') }}
