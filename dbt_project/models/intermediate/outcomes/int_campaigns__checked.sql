-- One row per campaign: what must be known before an effect of it may be shown.
{{ config(materialized='table') }}

with

campaigns as (

    select
        campaign_id,
        kind_code
    from {{ ref('int_campaign_windows__listed') }}
    where is_campaign_window

),

touched_users as (

    select
        touches.campaign_id,
        touches.user_id
    from {{ ref('stg_landing__touches') }} as touches
    group by
        touches.campaign_id,
        touches.user_id
    having count(distinct touches.is_control) > 1

),

mixed_counts as (

    select
        campaign_id,
        count(*) as touched_as_both_count
    from touched_users
    group by campaign_id

),

visits as (

    select count(*) as visit_count
    from (
        select 1
        from {{ ref('stg_landing__visits') }}
        limit 1
    ) as any_visit

)

select
    campaigns.campaign_id,
    campaigns.kind_code,
    case when campaigns.kind_code = 'imported' then coalesce(mixed_counts.touched_as_both_count, 0) else 0 end
        as touched_as_both_count,
    mismatches.mismatch_p,
    visits.visit_count > 0 as has_visits
from campaigns
cross join visits
left join mixed_counts
    on campaigns.campaign_id = mixed_counts.campaign_id
left join {{ ref('int_mismatches__tested') }} as mismatches
    on campaigns.campaign_id = mismatches.campaign_id
