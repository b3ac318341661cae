-- One row per episode and range of days in one layer, future days included. Visits count from the line's first visit
-- on, of whomever; on the days before, their two dimensions are left out and the layer is that of the orders alone.
-- Bands hold both, so that a line's first visit moves no stored row of users who did nothing.
{{ config(materialized='stable_view') }}

{{ layer_spans(ref('int_layer_bands')) }}
