-- One row per campaign, arm, window, layer, reason, whether an episode was open, whether the window has ended, and day
-- of assignment: the sums over the persons who are followed tonight.
{{ config(materialized='table') }}

with

cells as (

    {{ cells_of_persons(ref('int_recalled_users__delta')) }}

)

select
    {{ each_of(cell_keys()) }},
    assigned_date,
    {{ exact_sums(cell_sums()) }}
from cells
