-- One row per open episode: what its customer's return is worth, and how likely it is if nobody does anything.
{{ config(materialized='stable_view') }}

{{ worth_anchors(ref('fct_recall_layers')) }}
