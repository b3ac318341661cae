-- One row per followed campaign, person's first entry and window: what the person did from the entry on, as far as D
-- knows.
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
        cost_amount,
        unknown_cost_count
    from {{ ref('int_entries__followed') }}

),

windows as (

    select
        campaign_id,
        kind_code,
        window_days,
        is_campaign_window
    from {{ ref('int_campaign_windows__listed') }}

),

aimed_episodes as (

    select
        campaign_id,
        person_id,
        line_id,
        last_key_date,
        returned_date,
        relapse_key_date,
        relapsed_date,
        layer_code,
        reason_code
    from {{ ref('int_entry_episodes__aimed') }}

),

entry_orders as (

    select
        campaign_id,
        person_id,
        day_number,
        order_count,
        net_amount,
        contribution_amount
    from {{ ref('int_entry_orders__summed') }}

),

entry_visits as (

    select
        campaign_id,
        person_id,
        day_number,
        visit_count
    from {{ ref('int_entry_visits__counted') }}

),

earlier_orders as (

    select
        campaign_id,
        person_id,
        order_count,
        net_amount
    from entry_orders
    where day_number < 0

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
        on
            entry_orders.campaign_id = windows.campaign_id
            and entry_orders.day_number < windows.window_days
    where entry_orders.day_number >= 0
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
        on
            entry_visits.campaign_id = windows.campaign_id
            and entry_visits.day_number < windows.window_days
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
        entries.comparison_code,
        windows.kind_code,
        aimed_episodes.line_id,
        aimed_episodes.last_key_date,
        aimed_episodes.layer_code,
        aimed_episodes.reason_code,
        entries.assigned_at,
        entries.assigned_date,
        windows.window_days,
        windows.is_campaign_window,
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
        end as relapsed_date,
        case
            when aimed_episodes.returned_date < {{ add_days('entries.assigned_date', 'windows.window_days') }}
                then aimed_episodes.relapse_key_date
        end as relapse_key_date,
        cast(coalesce(earlier_orders.order_count, 0) as integer) as earlier_order_count,
        coalesce(earlier_orders.net_amount, 0) as earlier_net_amount,
        entries.cost_amount,
        entries.unknown_cost_count
    from entries
    inner join windows
        on entries.campaign_id = windows.campaign_id
    left join aimed_episodes
        on
            entries.campaign_id = aimed_episodes.campaign_id
            and entries.person_id = aimed_episodes.person_id
    left join earlier_orders
        on
            entries.campaign_id = earlier_orders.campaign_id
            and entries.person_id = earlier_orders.person_id
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
    comparison_code,
    kind_code,
    line_id,
    last_key_date,
    layer_code,
    reason_code,
    assigned_at,
    assigned_date,
    window_days,
    is_campaign_window,
    is_matured,
    visit_count,
    order_count,
    net_amount,
    contribution_amount,
    is_returned,
    returned_date,
    relapsed_date,
    relapse_key_date,
    earlier_order_count,
    earlier_net_amount,
    cost_amount,
    unknown_cost_count
from final
