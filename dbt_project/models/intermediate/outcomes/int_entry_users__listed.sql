-- One row per campaign, person and user of the person: whatever any of them does counts for the entry.
{{ config(materialized='ephemeral') }}

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
    from {{ ref('int_campaign_entries__resolved') }}

),

person_users as (

    select
        user_id,
        person_id
    from {{ ref('int_person_users__followed') }}

)

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
