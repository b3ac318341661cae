-- One row per campaign and person: the first entry, and what the person has cost the campaign so far.
{{ config(materialized='table', post_hook='{{ analyze(this) }}') }}

with

entries as (

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
        assigned_at,
        assigned_date,
        kind_code
    from {{ ref('int_campaign_entries__resolved') }}

),

costs as (

    select
        campaign_id,
        person_id,
        cost_amount,
        unknown_cost_count
    from {{ ref('int_recall_costs__summed') }}

)

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
    -- Whoever was chosen but never written to cost nothing; of a cost that nobody told nothing is known.
    case when costs.person_id is null then 0 else costs.cost_amount end as cost_amount,
    cast(coalesce(costs.unknown_cost_count, 0) as integer) as unknown_cost_count
from entries
left join costs
    on
        entries.campaign_id = costs.campaign_id
        and entries.person_id = costs.person_id
