-- One row per episode of a changed user whose bands are found anew, from the days of its line.
{{ config(is_view_in_rebuild=true, post_hook='{{ analyze(this) }}') }}

select
    episodes.user_id,
    episodes.line_id,
    episodes.episode_number,
    episodes.last_key_date,
    episodes.lapsed_date,
    episodes.returned_date
from {{ ref('int_lapse_episodes__delta') }} as episodes
left join {{ ref('int_episodes__continued') }} as continued_episodes
    on
        episodes.user_id = continued_episodes.user_id
        and episodes.line_id = continued_episodes.line_id
        and episodes.last_key_date = continued_episodes.last_key_date
where continued_episodes.user_id is null
