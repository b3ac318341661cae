-- One row per campaign of ours and day of assignment on which everybody was drawn by the shares of the current version.
-- Only such days compare arms: where an arm was drawn more often in spring than in autumn, it also has more of spring.
{{ config(materialized='table') }}

with

assignments as (

    select
        campaign_id,
        campaign_version,
        assigned_date
    from {{ source('ledger', 'assignments') }}
    where assigned_date <= {{ as_of_date() }}
    group by
        campaign_id,
        campaign_version,
        assigned_date

),

campaigns as (

    select
        campaign_id,
        campaign_version
    from {{ source('definitions', 'campaigns') }}
    where is_current

),

-- Versions that draw every arm as often as each other, whatever else differs.
shares as (

    select
        campaign_id,
        campaign_version,
        {{ joined_texts("arm_code || '=' || " ~ as_text('hash_end - hash_begin'), 'arm_code', ' ') }} as shares_text
    from {{ ref('int_campaign_arms__grouped') }}
    where hash_end > hash_begin
    group by
        campaign_id,
        campaign_version

),

current_shares as (

    select
        shares.campaign_id,
        shares.shares_text
    from shares
    inner join campaigns
        on
            shares.campaign_id = campaigns.campaign_id
            and shares.campaign_version = campaigns.campaign_version

)

select
    assignments.campaign_id,
    assignments.assigned_date
from assignments
inner join current_shares
    on assignments.campaign_id = current_shares.campaign_id
left join shares
    on
        assignments.campaign_id = shares.campaign_id
        and assignments.campaign_version = shares.campaign_version
group by
    assignments.campaign_id,
    assignments.assigned_date
having min(case when shares.shares_text = current_shares.shares_text then 1 else 0 end) = 1
