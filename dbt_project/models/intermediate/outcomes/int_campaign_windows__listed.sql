-- One row per campaign and window in which its outcomes are looked at; one of them is the campaign's own.
{{ config(materialized='table') }}

with

campaigns as (

    select
        campaign_id,
        kind_code
    from {{ ref('int_campaign_entries__resolved') }}
    group by
        campaign_id,
        kind_code

),

windows as (

    {{ outcome_windows_in_force() }}

),

longest_window as (

    select max(window_days) as window_days
    from windows

),

member_versions as (

    select
        campaign_id,
        campaign_version
    from {{ source('ledger', 'assignments') }}
    where assigned_date <= {{ as_of_date() }}
    group by
        campaign_id,
        campaign_version

),

-- A file that was changed may have had several: the longest lets every member have had its time.
own_windows as (

    select
        versions.campaign_id,
        max(versions.outcome_window_days) as window_days
    from {{ source('definitions', 'campaigns') }} as versions
    inner join member_versions
        on
            versions.campaign_id = member_versions.campaign_id
            and versions.campaign_version = member_versions.campaign_version
    group by versions.campaign_id

),

campaign_windows as (

    select
        campaigns.campaign_id,
        campaigns.kind_code,
        coalesce(own_windows.window_days, longest_window.window_days) as window_days
    from campaigns
    cross join longest_window
    left join own_windows
        on campaigns.campaign_id = own_windows.campaign_id

),

final as (

    select
        campaign_id,
        kind_code,
        window_days,
        true as is_campaign_window
    from campaign_windows

    union all

    select
        campaign_windows.campaign_id,
        campaign_windows.kind_code,
        windows.window_days,
        false as is_campaign_window
    from campaign_windows
    inner join windows
        on campaign_windows.window_days <> windows.window_days

)

select
    campaign_id,
    kind_code,
    window_days,
    is_campaign_window
from final
