-- One row per episode of a changed user that was open before, whose days stand, and up to whose lapse nothing is new
-- tonight: its bands go on from yesterday's, with the first day of which the band may be another one (null: none is).
{{ config(post_hook='{{ analyze(this) }}') }}

with

episodes as (

    select
        user_id,
        line_id,
        episode_number,
        last_key_date,
        lapsed_date,
        returned_date
    from {{ ref('int_lapse_episodes__delta') }}

),

changed_users as (

    select
        user_id,
        replace_from_date
    from {{ ref('int_users__changed') }}

),

first_visits as (

    select
        user_id,
        line_id,
        min(activity_date) as first_visit_date
    from {{ ref('int_user_days__tonight') }}
    where visit_count > 0
    group by
        user_id,
        line_id

)

select
    episodes.user_id,
    episodes.line_id,
    episodes.episode_number,
    episodes.last_key_date,
    episodes.returned_date,
    first_visits.first_visit_date,
    least(first_visits.first_visit_date, episodes.returned_date) as moved_from_date
from {{ ref('int_customer_lines__standing') }} as standing_lines
inner join episodes
    on
        standing_lines.user_id = episodes.user_id
        and standing_lines.line_id = episodes.line_id
        and standing_lines.last_key_date = episodes.last_key_date
inner join changed_users
    on episodes.user_id = changed_users.user_id
left join first_visits
    on
        episodes.user_id = first_visits.user_id
        and episodes.line_id = first_visits.line_id
where
    standing_lines.has_open_episode
    and (changed_users.replace_from_date is null or changed_users.replace_from_date > episodes.lapsed_date)
