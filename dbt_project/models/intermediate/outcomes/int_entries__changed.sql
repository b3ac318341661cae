-- One row per campaign and person for whom something happened since the build before that an outcome looks at: a
-- changed user in the days that it spans, a window that has ended, a user who joined the person, or, of those who had
-- returned, a change later on, which may be the next lapse.
{{ config(materialized='ephemeral') }}

with

entries as (

    select
        campaign_id,
        person_id,
        user_id,
        assigned_date
    from {{ ref('int_entries__costed') }}

),

windows as (

    select
        campaign_id,
        window_days
    from {{ ref('int_campaign_windows__listed') }}

),

longest_windows as (

    select
        campaign_id,
        max(window_days) as window_days
    from windows
    group by campaign_id

),

changed_users as (

    select
        user_id,
        coalesce(replace_from_date, cast('0001-01-01' as date)) as changed_from_date
    from {{ ref('int_users__changed') }}

),

persons as (

    select
        user_id,
        person_id,
        {{ business_date('first_assigned_at') }} as joined_date
    from {{ source('ledger', 'persons') }}

),

-- Whoever acts for a person now or did before a merge.
person_users as (

    select
        user_id,
        person_id
    from {{ ref('int_person_users__followed') }}

    union all

    select
        user_id,
        person_id
    from persons

    union all

    select
        user_id,
        person_id
    from entries

),

changed_persons as (

    select
        person_users.person_id,
        min(changed_users.changed_from_date) as changed_from_date
    from person_users
    inner join changed_users
        on person_users.user_id = changed_users.user_id
    group by person_users.person_id

),

returned_entries as (

    select
        campaign_id,
        person_id
    from {{ yesterday('out_recalled_users') }}
    where is_returned
    group by
        campaign_id,
        person_id

),

final as (

    select
        entries.campaign_id,
        entries.person_id
    from entries
    inner join changed_persons
        on entries.person_id = changed_persons.person_id
    inner join longest_windows
        on entries.campaign_id = longest_windows.campaign_id
    left join returned_entries
        on
            entries.campaign_id = returned_entries.campaign_id
            and entries.person_id = returned_entries.person_id
    where
        {{ add_days('entries.assigned_date', 'longest_windows.window_days') }} > changed_persons.changed_from_date
        or returned_entries.person_id is not null

    union

    select
        entries.campaign_id,
        entries.person_id
    from entries
    inner join windows
        on
            entries.campaign_id = windows.campaign_id
            and {{ previous_as_of_date() }} < {{ add_days('entries.assigned_date', 'windows.window_days - 1') }}
            and {{ as_of_date() }} >= {{ add_days('entries.assigned_date', 'windows.window_days - 1') }}

    union

    select
        entries.campaign_id,
        entries.person_id
    from entries
    inner join persons
        on entries.person_id = persons.person_id
    where
        persons.joined_date > {{ previous_as_of_date() }}
        and persons.joined_date <= {{ as_of_date() }}

)

select
    campaign_id,
    person_id
from final
