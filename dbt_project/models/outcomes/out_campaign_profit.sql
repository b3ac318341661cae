-- One row per campaign: recalled N, caused M, earned P, over the campaign's own window.
{{ config(scope='all') }}

select
    campaign_id,
    window_days,
    treated_count,
    control_count,
    immature_count,
    recalled_count,
    caused_count,
    caused_low,
    caused_high,
    caused_not_estimable_reason,
    last_touch_count,
    last_touch_amount,
    cost_amount,
    incremental_contribution_amount,
    incremental_profit_amount,
    incremental_profit_low,
    incremental_profit_high,
    roi,
    roi_low,
    roi_high,
    cost_per_caused_amount,
    profit_not_estimable_reason,
    is_approximate,
    mismatch_p
from {{ ref('int_campaign_profit__delta') }}
