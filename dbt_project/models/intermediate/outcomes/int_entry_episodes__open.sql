-- One row per followed campaign and person with an open episode at the first entry: the most recently lapsed one.
{{ config(materialized='table', post_hook='{{ analyze(this) }}') }}

with

entries as (

    select
        campaign_id,
        person_id,
        user_id,
        assigned_at,
        assigned_date
    from {{ ref('int_entries__followed') }}

),

episodes as (

    select
        user_id,
        line_id,
        last_key_date,
        lapsed_date,
        returned_date
    from {{ ref('fct_lapse_episodes') }}

),

orders as (

    select
        user_id,
        ordered_at,
        ordered_date
    from {{ ref('fct_orders') }}
    where is_valid

),

early_orders as (

    select
        entries.campaign_id,
        entries.person_id,
        count(*) as order_count
    from entries
    inner join orders
        on
            entries.user_id = orders.user_id
            and entries.assigned_date = orders.ordered_date
    where orders.ordered_at < entries.assigned_at
    group by
        entries.campaign_id,
        entries.person_id

),

-- A selection sees the evening before the assignment, so an episode that lapses on the day itself is not open yet.
-- Whoever came back on the day itself, before a touch at noon, had returned already.
open_episodes as (

    select
        entries.campaign_id,
        entries.person_id,
        entries.assigned_date,
        episodes.user_id,
        episodes.line_id,
        episodes.last_key_date,
        episodes.returned_date,
        row_number() over (
            partition by entries.campaign_id, entries.person_id
            order by episodes.lapsed_date desc, episodes.line_id, episodes.last_key_date desc
        ) as recency_number
    from entries
    inner join episodes
        on entries.user_id = episodes.user_id
    left join early_orders
        on
            entries.campaign_id = early_orders.campaign_id
            and entries.person_id = early_orders.person_id
    where
        episodes.lapsed_date < entries.assigned_date
        and (
            episodes.returned_date is null
            or episodes.returned_date > entries.assigned_date
            or (episodes.returned_date = entries.assigned_date and early_orders.order_count is null)
        )

)

select
    campaign_id,
    person_id,
    assigned_date,
    user_id,
    line_id,
    last_key_date,
    returned_date
from open_episodes
where recency_number = 1
