-- One row per followed campaign and person with an open episode at the first entry: the most recently lapsed one.
{{ config(materialized='table') }}

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

-- Decided with what was known on the day of the lapse, which was before the entry.
profiles as (

    select
        user_id,
        line_id,
        last_key_date,
        reason_code
    from {{ ref('int_episode_profiles') }}

),

layer_spans as (

    select
        user_id,
        line_id,
        last_key_date,
        valid_from,
        valid_to,
        layer_code
    from {{ ref('int_layer_spans') }}

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
        episodes.lapsed_date,
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

),

aimed_episodes as (

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

),

relapses as (

    select
        aimed_episodes.campaign_id,
        aimed_episodes.person_id,
        min(episodes.last_key_date) as relapse_key_date,
        min(episodes.lapsed_date) as relapsed_date
    from aimed_episodes
    inner join episodes
        on
            aimed_episodes.user_id = episodes.user_id
            and aimed_episodes.line_id = episodes.line_id
            and aimed_episodes.returned_date <= episodes.last_key_date
    group by
        aimed_episodes.campaign_id,
        aimed_episodes.person_id

),

final as (

    select
        aimed_episodes.campaign_id,
        aimed_episodes.person_id,
        aimed_episodes.user_id,
        aimed_episodes.line_id,
        aimed_episodes.last_key_date,
        aimed_episodes.returned_date,
        relapses.relapse_key_date,
        relapses.relapsed_date,
        layer_spans.layer_code,
        profiles.reason_code
    from aimed_episodes
    left join relapses
        on
            aimed_episodes.campaign_id = relapses.campaign_id
            and aimed_episodes.person_id = relapses.person_id
    left join profiles
        on
            aimed_episodes.user_id = profiles.user_id
            and aimed_episodes.line_id = profiles.line_id
            and aimed_episodes.last_key_date = profiles.last_key_date
    left join layer_spans
        on
            aimed_episodes.user_id = layer_spans.user_id
            and aimed_episodes.line_id = layer_spans.line_id
            and aimed_episodes.last_key_date = layer_spans.last_key_date
            and aimed_episodes.assigned_date > layer_spans.valid_from
            and (layer_spans.valid_to is null or aimed_episodes.assigned_date <= layer_spans.valid_to)

)

select
    campaign_id,
    person_id,
    user_id,
    line_id,
    last_key_date,
    returned_date,
    relapse_key_date,
    relapsed_date,
    layer_code,
    reason_code
from final
