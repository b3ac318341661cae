-- One row per episode and range of days in one layer, future days included.
{{ config(materialized='stable_view') }}

{{ layer_spans(ref('int_layer_bands'), ref('int_line_visits')) }}
