-- One row per episode of a changed user whose persona and reasons stand: they were decided before, and nothing up to
-- its lapse is new tonight, for the user or for goods and channels. Who came back from such an episode leaves it as it
-- was.
{{ config(post_hook='{{ analyze(this) }}') }}

with

-- Age hangs on the user's own row.
users as (

    select
        changed_users.user_id,
        changed_users.replace_from_date,
        changed_users.is_counted_anew
    from {{ ref('int_users__changed') }} as changed_users
    inner join {{ ref('int_users__profiled') }} as profiled_users
        on changed_users.user_id = profiled_users.user_id
    where not profiled_users.is_concerned

),

episodes as (

    select
        user_id,
        line_id,
        last_key_date,
        lapsed_date,
        returned_date,
        is_open
    from {{ ref('int_lapse_episodes__delta') }}

)

select
    episodes.user_id,
    episodes.line_id,
    episodes.last_key_date,
    episodes.returned_date,
    episodes.is_open,
    (not episodes.is_open and coalesce(episodes.returned_date <> profiles.returned_date, true)) as is_moved
from users
inner join {{ yesterday('int_episode_profiles') }} as profiles
    on users.user_id = profiles.user_id
inner join episodes
    on
        profiles.user_id = episodes.user_id
        and profiles.line_id = episodes.line_id
        and profiles.last_key_date = episodes.last_key_date
where
    not users.is_counted_anew
    and (users.replace_from_date is null or users.replace_from_date > episodes.lapsed_date)
    -- Of an episode that had ended and is open again no persona is published.
    and (profiles.returned_date is null or not episodes.is_open)

union all

select
    standing_episodes.user_id,
    standing_episodes.line_id,
    standing_episodes.last_key_date,
    cast(null as date) as returned_date,
    false as is_open,
    false as is_moved
from users
inner join {{ ref('int_episodes__standing') }} as standing_episodes
    on users.user_id = standing_episodes.user_id
