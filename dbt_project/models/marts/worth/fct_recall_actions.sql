-- One row per open episode and action that its layer and churn reason allow: what it brings against doing nothing.
{{ config(materialized='stable_view') }}

{{ recall_actions(ref('fct_worth_anchors')) }}
