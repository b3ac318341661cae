-- One row per profiled episode with visits before the signal's window: by how much they had fallen in it.
{{ config(post_hook='{{ analyze(this) }}') }}

with

episodes as (

    select
        user_id,
        line_id,
        last_key_date,
        lapsed_date
    from {{ ref('int_episodes__profiled') }}

),

windows as (

    select window_days
    from ({{ signal_windows_in_force() }}) as signal_windows
    where signal_code = 'visit_fall_rate'

),

visit_days as (

    select
        user_id,
        line_id,
        activity_date,
        visit_count
    from {{ ref('int_user_days__profiled') }}
    where
        visit_count > 0
        and line_id <> 'any'

),

episode_visits as (

    select
        episodes.user_id,
        episodes.line_id,
        episodes.last_key_date,
        visit_days.visit_count,
        {{ is_in_signal_window('visit_days.activity_date', 'episodes', 'windows') }} as is_recent
    from episodes
    cross join windows
    inner join visit_days
        on
            episodes.user_id = visit_days.user_id
            and episodes.line_id = visit_days.line_id
            and episodes.lapsed_date >= visit_days.activity_date
            and visit_days.activity_date > {{ add_days('episodes.last_key_date', '- 2 * windows.window_days') }}

),

visit_sums as (

    select
        user_id,
        line_id,
        last_key_date,
        sum(case when is_recent then visit_count else 0 end) as recent_visit_count,
        sum(case when is_recent then 0 else visit_count end) as earlier_visit_count
    from episode_visits
    group by
        user_id,
        line_id,
        last_key_date

)

select
    user_id,
    line_id,
    last_key_date,
    'visit_fall_rate' as signal_code,
    1 - cast(recent_visit_count as {{ numeric_type() }}) / earlier_visit_count as signal_value,
    {{ json_number('recent_visit_count', 'recent_visit_count') }}
    || ', ' || {{ json_number('earlier_visit_count', 'earlier_visit_count') }} as members
from visit_sums
where earlier_visit_count > 0
