-- One row per campaign that was the last to touch somebody before a return or an order within its own window: what a
-- last-touch report would credit it with.
{{ config(materialized='table') }}

with

windows as (

    select
        campaign_id,
        kind_code,
        window_days
    from {{ ref('int_campaign_windows__listed') }}
    where is_campaign_window

),

imported_touches as (

    select
        campaign_id,
        user_id,
        touched_at,
        touched_date
    from {{ ref('stg_landing__touches') }}
    where not is_control

),

user_merges as (

    select
        user_id,
        merged_into
    from {{ ref('stg_landing__user_merges') }}

),

own_sends as (

    select
        entries.campaign_id,
        coalesce(user_merges.merged_into, entries.user_id) as user_id,
        {{ business_day_start('entries.selected_date') }} as touched_at,
        entries.selected_date as touched_date
    from {{ source('ledger', 'entries') }} as entries
    left join user_merges
        on entries.user_id = user_merges.user_id
    where
        entries.state = 'sent'
        and entries.selected_date <= {{ as_of_date() }}

),

touches as (

    select
        imported_touches.campaign_id,
        imported_touches.user_id,
        imported_touches.touched_at,
        imported_touches.touched_date,
        {{ add_days('imported_touches.touched_date', 'windows.window_days') }} as end_date
    from imported_touches
    inner join windows
        on imported_touches.campaign_id = windows.campaign_id
    where windows.kind_code = 'imported'

    union all

    select
        own_sends.campaign_id,
        own_sends.user_id,
        own_sends.touched_at,
        own_sends.touched_date,
        {{ add_days('own_sends.touched_date', 'windows.window_days') }} as end_date
    from own_sends
    inner join windows
        on own_sends.campaign_id = windows.campaign_id
    where windows.kind_code = 'own'

),

ranked_orders as (

    select
        touches.campaign_id,
        orders.contribution_amount,
        row_number() over (
            partition by orders.order_id
            order by touches.touched_at desc, touches.campaign_id
        ) as recency_number
    from touches
    inner join {{ ref('fct_orders') }} as orders
        on
            touches.user_id = orders.user_id
            and touches.touched_at <= orders.ordered_at
            and touches.end_date > orders.ordered_date
    where orders.is_valid

),

ranked_returns as (

    select
        touches.campaign_id,
        row_number() over (
            partition by episodes.user_id, episodes.line_id, episodes.last_key_date
            order by touches.touched_at desc, touches.campaign_id
        ) as recency_number
    from touches
    inner join {{ ref('fct_lapse_episodes') }} as episodes
        on
            touches.user_id = episodes.user_id
            and touches.touched_date > episodes.lapsed_date
            and touches.touched_date <= episodes.returned_date
            and touches.end_date > episodes.returned_date

),

credits as (

    select
        campaign_id,
        0 as return_count,
        contribution_amount
    from ranked_orders
    where recency_number = 1

    union all

    select
        campaign_id,
        1 as return_count,
        cast(0 as {{ numeric_type() }}) as contribution_amount
    from ranked_returns
    where recency_number = 1

),

-- All campaigns of ours together are credited with what each of them is.
final as (

    select
        campaign_id,
        return_count,
        contribution_amount
    from credits

    union all

    select
        {{ program_campaign_id() }} as campaign_id,
        credits.return_count,
        credits.contribution_amount
    from credits
    inner join windows
        on credits.campaign_id = windows.campaign_id
    where windows.kind_code = 'own'

)

select
    campaign_id,
    cast(sum(return_count) as integer) as return_count,
    sum(contribution_amount) as contribution_amount
from final
group by campaign_id
