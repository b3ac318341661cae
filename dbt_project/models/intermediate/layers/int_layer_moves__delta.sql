-- One row per line, day, dimension and code that tonight more or fewer episodes are in than the day before.
-- depends_on: {{ ref('int_episodes__rebanded') }}
{{ config(post_hook='{{ analyze(this) }}') }}

{{ span_moves(
    spans='int_layer_bands',
    moves='int_layer_moves',
    dimensions=layer_dimension_columns(),
    code='layer_code',
) }}
