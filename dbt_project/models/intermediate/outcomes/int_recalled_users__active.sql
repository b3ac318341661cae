-- One row per campaign, person's first entry and window in which the person ordered or returned, as tonight's
-- publication will leave them. Whoever did neither adds nothing to limits, winsorised sums and second lifetimes.
{{ config(materialized='table', post_hook='{{ analyze(this) }}') }}

{%- set columns = [
    'campaign_id', 'person_id', 'user_id', 'arm_code', 'is_control', 'offer_code', 'comparison_code', 'line_id',
    'last_key_date', 'layer_code', 'reason_code', 'window_days', 'is_campaign_window', 'is_matured', 'order_count',
    'net_amount', 'contribution_amount', 'is_returned', 'returned_date', 'relapse_key_date', 'earlier_order_count',
    'earlier_net_amount',
] %}

select
    {{ each_of(columns) }}
from {{ tonight('out_recalled_users', columns) }}
where
    order_count > 0
    or is_returned
