-- One row per episode, open or returned, for which personas and reasons are decided tonight.
-- depends_on: {{ ref('int_users__changed') }}, {{ ref('int_episodes__standing') }}
{{ config(post_hook='{{ analyze(this) }}') }}

with

episodes as (

    select
        user_id,
        line_id,
        episode_number,
        last_key_date,
        lapsed_date,
        returned_date,
        is_open
    from
        {{ profiled_rows(
            'fct_lapse_episodes',
            ['user_id', 'line_id', 'episode_number', 'last_key_date', 'lapsed_date', 'returned_date', 'is_open']
        ) }}

),

numbered_episodes as (

    select
        user_id,
        line_id,
        episode_number,
        last_key_date,
        lapsed_date,
        lag(returned_date) over (partition by user_id, line_id order by last_key_date) as previous_returned_date,
        returned_date,
        is_open
    from episodes

),

users as (

    select
        user_id,
        acquisition_channel,
        birth_date
    from {{ profiled_rows('dim_users', ['user_id', 'acquisition_channel', 'birth_date']) }}

)

select
    episodes.user_id,
    episodes.line_id,
    episodes.episode_number,
    episodes.last_key_date,
    episodes.lapsed_date,
    -- The first one here may follow on one that stands.
    coalesce(
        episodes.previous_returned_date,
        case when episodes.episode_number > 1 then standing_lines.last_returned_date end
    ) as previous_returned_date,
    episodes.returned_date,
    episodes.is_open,
    profiled_users.is_changed,
    users.acquisition_channel,
    users.birth_date
from numbered_episodes as episodes
inner join {{ ref('int_users__profiled') }} as profiled_users
    on episodes.user_id = profiled_users.user_id
left join users
    on episodes.user_id = users.user_id
left join {{ ref('int_customer_lines__standing') }} as standing_lines
    on
        episodes.user_id = standing_lines.user_id
        and episodes.line_id = standing_lines.line_id
left join {{ ref('int_profiles__standing') }} as standing_profiles
    on
        episodes.user_id = standing_profiles.user_id
        and episodes.line_id = standing_profiles.line_id
        and episodes.last_key_date = standing_profiles.last_key_date
where standing_profiles.user_id is null
