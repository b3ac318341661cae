-- One row per campaign, person's first entry and window: what the person did from the entry on.
{{ config(scope='all') }}

select
    campaign_id,
    person_id,
    user_id,
    arm_code,
    variant_code,
    is_control,
    channel,
    offer_code,
    comparison_code,
    line_id,
    last_key_date,
    layer_code,
    reason_code,
    assigned_at,
    assigned_date,
    window_days,
    is_matured,
    visit_count,
    order_count,
    net_amount,
    contribution_amount,
    is_returned,
    returned_date,
    relapsed_date
from {{ ref('int_recalled_users__delta') }}
