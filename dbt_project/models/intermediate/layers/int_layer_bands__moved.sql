-- One row per band, as tonight leaves them, of the episodes of changed users of which a band is another one: the new
-- ones, and of continued episodes those that stand.
-- depends_on: {{ ref('int_episodes__continued') }}
{{ config(materialized='ephemeral') }}

select
    user_id,
    line_id,
    last_key_date,
    valid_from,
    valid_to,
    {{ layer_dimension_columns().values() | join(', ') }}
from {{ ref('int_layer_bands__delta') }}
{%- if not is_full_rebuild() %}

    union all

    select
        bands.user_id,
        bands.line_id,
        bands.last_key_date,
        bands.valid_from,
        bands.valid_to,
        bands.{{ layer_dimension_columns().values() | join(', bands.') }}
    from {{ ref('int_episodes__continued') }} as continued_episodes
    inner join {{ yesterday('int_layer_bands') }} as bands
        on
            continued_episodes.user_id = bands.user_id
            and continued_episodes.line_id = bands.line_id
            and continued_episodes.last_key_date = bands.last_key_date
            and continued_episodes.moved_from_date >= bands.valid_to
{%- endif %}
