-- One row per campaign, person and day with visits, counted from the entry on.
{{ config(materialized='table') }}

with

entry_users as (

    select
        campaign_id,
        person_id,
        user_id,
        assigned_at,
        assigned_date
    from {{ ref('int_entry_users__listed') }}

),

longest_windows as (

    select
        campaign_id,
        max(window_days) as window_days
    from {{ ref('int_campaign_windows__listed') }}
    group by campaign_id

),

visits as (

    select
        user_id,
        visited_at,
        visited_date,
        {{ visit_code('session_id', 'visit_id') }} as visit_code
    from {{ ref('stg_landing__visits') }}

)

select
    entry_users.campaign_id,
    entry_users.person_id,
    {{ days_between('entry_users.assigned_date', 'visits.visited_date') }} as day_number,
    count(distinct visits.visit_code) as visit_count
from entry_users
inner join longest_windows
    on entry_users.campaign_id = longest_windows.campaign_id
inner join visits
    on
        entry_users.user_id = visits.user_id
        and entry_users.assigned_date <= visits.visited_date
        and entry_users.assigned_at <= visits.visited_at
        and {{ add_days('entry_users.assigned_date', 'longest_windows.window_days') }} > visits.visited_date
group by
    entry_users.campaign_id,
    entry_users.person_id,
    {{ days_between('entry_users.assigned_date', 'visits.visited_date') }}
