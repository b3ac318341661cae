-- One row per campaign, arm, segment, window, metric and stratum: the sums of the matured, and how many are not yet.
-- Strata are the layers; whoever had no open episode is in a stratum of their own.
{{ config(materialized='table') }}

{%- set keys = ['campaign_id', 'comparison_code', 'arm_code', 'is_control', 'window_days'] %}

with

measured as (

    {{ cells_by_metric(keys + ['layer_code', 'reason_code'], ref('int_effect_cells__summed')) }}

),

segmented as (

    select
        'all' as segment_type,
        'all' as segment_code,
        measured.*
    from measured

    union all

    select
        'layer' as segment_type,
        layer_code as segment_code,
        measured.*
    from measured
    where layer_code is not null

    union all

    select
        'reason' as segment_type,
        reason_code as segment_code,
        measured.*
    from measured
    where reason_code is not null

),

stratified as (

    select
        segmented.*,
        coalesce(layer_code, '') as stratum_code
    from segmented

)

select
    {{ each_of(keys) }},
    segment_type,
    segment_code,
    metric_code,
    is_money,
    is_adjusted,
    stratum_code,
    sum(immature_count) as immature_count,
    sum(user_count) as user_count,
    sum(event_count) as event_count,
    {{ each_of(effect_sums(), 'sum($) as $') }}
from stratified
group by
    {{ each_of(keys) }},
    segment_type,
    segment_code,
    metric_code,
    is_money,
    is_adjusted,
    stratum_code
