-- One row per followed campaign, person and day with visits, counted from the entry on.
{{ config(materialized='table') }}

with

entry_users as (

    select
        campaign_id,
        person_id,
        user_id,
        assigned_at,
        assigned_date,
        end_date
    from {{ ref('int_entry_users__followed') }}

),

visits as (

    select
        user_id,
        visited_at,
        visited_date,
        visit_code
    from {{ ref('int_entry_visits__found') }}

)

select
    entry_users.campaign_id,
    entry_users.person_id,
    {{ days_between('entry_users.assigned_date', 'visits.visited_date') }} as day_number,
    count(distinct visits.visit_code) as visit_count
from entry_users
inner join visits
    on
        entry_users.user_id = visits.user_id
        and entry_users.assigned_date <= visits.visited_date
        and entry_users.assigned_at <= visits.visited_at
        and entry_users.end_date > visits.visited_date
group by
    entry_users.campaign_id,
    entry_users.person_id,
    {{ days_between('entry_users.assigned_date', 'visits.visited_date') }}
