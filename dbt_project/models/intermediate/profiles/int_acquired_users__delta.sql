-- One row per changed user with an acquisition channel and a registration date: whether the user was still there
-- later. Retained is who did anything on the days [w, 2w) after registering, w being the window of
-- channel_retention_ratio.
-- depends_on: {{ ref('int_users__changed') }}, {{ ref('int_users__reread') }}
{{ config(post_hook='{{ analyze(this) }}') }}

with

users as (

    select
        user_id,
        acquisition_channel,
        registered_date as acquired_date
    from {{ ref('int_users__delta') }}
    where
        acquisition_channel is not null
        and registered_date is not null

),

windows as (

    select window_days
    from ({{ signal_windows_in_force() }}) as signal_windows
    where signal_code = 'channel_retention_ratio'

),

user_days as (

    select
        user_id,
        activity_date
    from {{ ref('int_user_days__tonight') }}
    where line_id = 'any'

),

retained_users as (

    select users.user_id
    from users
    cross join windows
    inner join user_days
        on
            users.user_id = user_days.user_id
            and user_days.activity_date >= {{ add_days('users.acquired_date', 'windows.window_days') }}
            and user_days.activity_date < {{ add_days('users.acquired_date', '2 * windows.window_days') }}
    group by users.user_id
    {%- if not is_full_rebuild() %}

        union

        -- Whose days before stand was retained by them already.
        select user_id
        from {{ standing_rows('int_acquired_users', ['user_id', 'is_retained']) }} as standing_users
        where is_retained
    {%- endif %}

)

select
    users.user_id,
    users.acquisition_channel,
    users.acquired_date,
    (retained_users.user_id is not null) as is_retained
from users
left join retained_users
    on users.user_id = retained_users.user_id
