-- One row per followed campaign and person with an open episode at the first entry: its layer and reason then, and how
-- it went on.
{{ config(materialized='table') }}

with

aimed_episodes as (

    select
        campaign_id,
        person_id,
        assigned_date,
        user_id,
        line_id,
        last_key_date,
        returned_date
    from {{ ref('int_entry_episodes__open') }}

),

episodes as (

    select
        user_id,
        line_id,
        last_key_date,
        lapsed_date
    from {{ ref('fct_lapse_episodes') }}

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

episode_keys as (

    select
        user_id,
        line_id,
        last_key_date
    from aimed_episodes
    group by
        user_id,
        line_id,
        last_key_date

),

aimed_bands as (

    {{ bands_of_episodes('episode_keys') }}

),

layer_spans as (

    {{ layer_spans('aimed_bands') }}

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
