-- One row per open episode that a step is due for: what a return is worth, and how likely it is untouched; the rows
-- that fct_worth_anchors has of them.
{{ config(materialized='table', post_hook=analyze(this)) }}

{{ worth_anchors(ref('int_candidates__layered')) }}
