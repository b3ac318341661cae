-- One row per campaign, person's first entry and window: what the person did from the entry on, as far as D knows.
{{ config(materialized='table') }}

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
        assigned_at,
        assigned_date,
        is_imported
    from {{ ref('int_campaign_entries__resolved') }}

),

windows as (

    {{ outcome_windows_in_force() }}

),

longest_window as (

    select max(window_days) as window_days
    from windows

),

orders as (

    select
        user_id,
        ordered_at,
        ordered_date,
        net_amount,
        contribution_amount
    from {{ ref('fct_orders') }}
    where is_valid

),

visits as (

    select
        user_id,
        visited_at,
        visited_date,
        coalesce(session_id, visit_id) as session_code
    from {{ ref('stg_landing__visits') }}

),

aimed_episodes as (

    select
        campaign_id,
        person_id,
        line_id,
        last_key_date,
        returned_date,
        relapsed_date,
        layer_code
    from {{ ref('int_entry_episodes__aimed') }}

),

-- A person may have several users; what any of them does counts.
entry_users as (

    select
        campaign_id,
        person_id,
        user_id,
        assigned_at,
        assigned_date
    from entries
    where is_imported

    union all

    select
        entries.campaign_id,
        entries.person_id,
        persons.user_id,
        entries.assigned_at,
        entries.assigned_date
    from entries
    inner join {{ source('ledger', 'persons') }} as persons
        on entries.person_id = persons.person_id
    where not entries.is_imported

),

entry_orders as (

    select
        entry_users.campaign_id,
        entry_users.person_id,
        {{ days_between('entry_users.assigned_date', 'orders.ordered_date') }} as day_number,
        count(*) as order_count,
        sum(orders.net_amount) as net_amount,
        sum(orders.contribution_amount) as contribution_amount
    from entry_users
    cross join longest_window
    inner join orders
        on
            entry_users.user_id = orders.user_id
            and entry_users.assigned_date <= orders.ordered_date
            and entry_users.assigned_at <= orders.ordered_at
            and {{ add_days('entry_users.assigned_date', 'longest_window.window_days') }} > orders.ordered_date
    group by
        entry_users.campaign_id,
        entry_users.person_id,
        {{ days_between('entry_users.assigned_date', 'orders.ordered_date') }}

),

entry_visits as (

    select
        entry_users.campaign_id,
        entry_users.person_id,
        {{ days_between('entry_users.assigned_date', 'visits.visited_date') }} as day_number,
        count(distinct visits.session_code) as visit_count
    from entry_users
    cross join longest_window
    inner join visits
        on
            entry_users.user_id = visits.user_id
            and entry_users.assigned_date <= visits.visited_date
            and entry_users.assigned_at <= visits.visited_at
            and {{ add_days('entry_users.assigned_date', 'longest_window.window_days') }} > visits.visited_date
    group by
        entry_users.campaign_id,
        entry_users.person_id,
        {{ days_between('entry_users.assigned_date', 'visits.visited_date') }}

),

window_orders as (

    select
        entry_orders.campaign_id,
        entry_orders.person_id,
        windows.window_days,
        sum(entry_orders.order_count) as order_count,
        sum(entry_orders.net_amount) as net_amount,
        sum(entry_orders.contribution_amount) as contribution_amount
    from entry_orders
    inner join windows
        on entry_orders.day_number < windows.window_days
    group by
        entry_orders.campaign_id,
        entry_orders.person_id,
        windows.window_days

),

window_visits as (

    select
        entry_visits.campaign_id,
        entry_visits.person_id,
        windows.window_days,
        sum(entry_visits.visit_count) as visit_count
    from entry_visits
    inner join windows
        on entry_visits.day_number < windows.window_days
    group by
        entry_visits.campaign_id,
        entry_visits.person_id,
        windows.window_days

),

final as (

    select
        entries.campaign_id,
        entries.person_id,
        entries.user_id,
        entries.arm_code,
        entries.variant_code,
        entries.is_control,
        entries.channel,
        entries.offer_code,
        aimed_episodes.line_id,
        aimed_episodes.last_key_date,
        aimed_episodes.layer_code,
        cast(null as {{ dbt.type_string() }}) as reason_code,
        entries.assigned_at,
        entries.assigned_date,
        windows.window_days,
        ({{ as_of_date() }} >= {{ add_days('entries.assigned_date', 'windows.window_days - 1') }}) as is_matured,
        cast(coalesce(window_visits.visit_count, 0) as integer) as visit_count,
        cast(coalesce(window_orders.order_count, 0) as integer) as order_count,
        coalesce(window_orders.net_amount, 0) as net_amount,
        coalesce(window_orders.contribution_amount, 0) as contribution_amount,
        coalesce(
            aimed_episodes.returned_date < {{ add_days('entries.assigned_date', 'windows.window_days') }}, false
        ) as is_returned,
        case
            when aimed_episodes.returned_date < {{ add_days('entries.assigned_date', 'windows.window_days') }}
                then aimed_episodes.returned_date
        end as returned_date,
        case
            when aimed_episodes.returned_date < {{ add_days('entries.assigned_date', 'windows.window_days') }}
                then aimed_episodes.relapsed_date
        end as relapsed_date
    from entries
    cross join windows
    left join aimed_episodes
        on
            entries.campaign_id = aimed_episodes.campaign_id
            and entries.person_id = aimed_episodes.person_id
    left join window_orders
        on
            entries.campaign_id = window_orders.campaign_id
            and entries.person_id = window_orders.person_id
            and windows.window_days = window_orders.window_days
    left join window_visits
        on
            entries.campaign_id = window_visits.campaign_id
            and entries.person_id = window_visits.person_id
            and windows.window_days = window_visits.window_days

)

select
    campaign_id,
    person_id,
    user_id,
    arm_code,
    variant_code,
    is_control,
    channel,
    offer_code,
    line_id,
    last_key_date,
    layer_code,
    reason_code,
    assigned_at,
    assigned_date,
    window_days,
    is_matured,
    visit_count,
    order_count,
    net_amount,
    contribution_amount,
    is_returned,
    returned_date,
    relapsed_date
from final
