-- One row per arm of a current version of our campaigns: the share that it draws and the one that its profit suggests.
{{ config(scope='all') }}

select
    campaign_id,
    arm_code,
    campaign_version,
    comparison_code,
    treated_count,
    immature_count,
    profit_per_person_amount,
    profit_per_person_low,
    profit_per_person_high,
    behind_best_amount,
    behind_best_low,
    behind_best_high,
    probability_best,
    share_now,
    suggested_share,
    reason_code
from {{ ref('int_arm_suggestions__delta') }}
