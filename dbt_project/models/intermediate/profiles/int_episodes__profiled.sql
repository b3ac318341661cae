-- One row per episode, open or returned, of the users whose personas and reasons are decided tonight.
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
    episodes.previous_returned_date,
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
