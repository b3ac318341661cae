-- One row per cell of persons and day of assignment: the sums that every mean, variance and covariance is made of.
{{ config(
    materialized='published',
    scope='reopened_days',
    indexes=[{'columns': ['assigned_date']}],
    contract={'enforced': true},
) }}

select
    {{ each_of(cell_keys()) }},
    assigned_date,
    {{ each_of(cell_sums()) }}
from {{ ref('int_effect_cells__delta') }}
