-- One row per open episode that a step is due for and action that its layer and churn reason allow: the rows that
-- fct_recall_actions has of them.
{{ config(materialized='table', post_hook=analyze(this)) }}

{{ recall_actions(ref('int_candidates__anchored')) }}
