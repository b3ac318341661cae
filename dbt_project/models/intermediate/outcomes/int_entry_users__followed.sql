-- One row per followed entry and user of its person: whatever any of them does counts for the entry.
{{ config(materialized='table', post_hook='{{ analyze(this) }}') }}

with

entries as (

    select
        campaign_id,
        person_id,
        user_id,
        is_control,
        assigned_at,
        assigned_date,
        kind_code
    from {{ ref('int_entries__followed') }}

),

longest_windows as (

    select
        campaign_id,
        max(window_days) as window_days
    from {{ ref('int_campaign_windows__listed') }}
    group by campaign_id

),

person_users as (

    select
        user_id,
        person_id
    from {{ ref('int_person_users__followed') }}

),

acting_users as (

    select
        campaign_id,
        person_id,
        user_id,
        is_control,
        assigned_at,
        assigned_date
    from entries
    where kind_code = 'imported'

    union all

    select
        entries.campaign_id,
        entries.person_id,
        person_users.user_id,
        entries.is_control,
        entries.assigned_at,
        entries.assigned_date
    from entries
    inner join person_users
        on entries.person_id = person_users.person_id
    where entries.kind_code <> 'imported'

)

select
    acting_users.campaign_id,
    acting_users.person_id,
    acting_users.user_id,
    acting_users.is_control,
    acting_users.assigned_at,
    acting_users.assigned_date,
    {{ add_days('acting_users.assigned_date', 'longest_windows.window_days') }} as end_date
from acting_users
inner join longest_windows
    on acting_users.campaign_id = longest_windows.campaign_id
