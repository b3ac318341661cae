-- One row per line, day, dimension and code that tonight more or fewer episodes are in than the day before.
{{ config(post_hook='{{ analyze(this) }}') }}

{{ span_moves(
    spans='int_layer_bands',
    users=ref('int_users__changed'),
    moves='int_layer_moves',
    dimensions=layer_dimension_columns(),
    code='layer_code',
) }}
