-- One row per campaign and person whose outcomes are followed tonight: the reopened entries, or all of them.
{{ config(materialized='table', post_hook='{{ analyze(this) }}') }}

select
    entries.campaign_id,
    entries.person_id,
    entries.user_id,
    entries.arm_code,
    entries.variant_code,
    entries.is_control,
    entries.channel,
    entries.offer_code,
    entries.comparison_code,
    entries.assigned_at,
    entries.assigned_date,
    entries.kind_code,
    entries.cost_amount,
    entries.unknown_cost_count
from {{ ref('int_entries__costed') }} as entries
left join {{ ref('int_entries__reopened') }} as reopened
    on
        entries.campaign_id = reopened.campaign_id
        and entries.person_id = reopened.person_id
where
    {{ (outcomes_begin() == 'rebuild') | lower }}
    or reopened.person_id is not null
