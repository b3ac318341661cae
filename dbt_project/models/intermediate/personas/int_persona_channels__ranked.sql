-- One row per open episode of a changed user that is profiled and visit channel up to the lapse, the one of most visits
-- first.
-- depends_on: {{ ref('int_visit_days__delta') }}, {{ ref('int_user_days__replaced') }}
{{ config(post_hook='{{ analyze(this) }}') }}

with

episodes as (

    select
        user_id,
        line_id,
        lapsed_date,
        first_order_date
    from {{ ref('int_persona_measures__summed') }}
    where
        is_open
        and is_changed

),

lapsed_users as (

    select user_id
    from episodes
    group by user_id

),

channel_days as (

    select
        user_id,
        visited_date,
        line_id,
        channel,
        channel_visit_count as visit_count,
        channel_unlined_visit_count as unlined_visit_count
    from
        {{ tonight_of_users(
            'int_visit_days',
            ['user_id', 'visited_date', 'line_id', 'channel', 'channel_visit_count', 'channel_unlined_visit_count'],
            'lapsed_users'
        ) }} as visit_days
    where
        channel <> ''
        and line_id <> 'any'

),

-- A visit that reached the line on both ways, by its object and by its customer, is one.
channel_visits as (

    select
        episodes.user_id,
        episodes.line_id,
        channel_days.channel,
        sum(
            case
                when channel_days.line_id = '' then channel_days.visit_count
                when episodes.first_order_date <= channel_days.visited_date
                    then channel_days.visit_count - channel_days.unlined_visit_count
                else channel_days.visit_count
            end
        ) as visit_count
    from episodes
    inner join channel_days
        on
            episodes.user_id = channel_days.user_id
            and episodes.lapsed_date >= channel_days.visited_date
            and (
                episodes.line_id = channel_days.line_id
                or (channel_days.line_id = '' and episodes.first_order_date <= channel_days.visited_date)
            )
    group by
        episodes.user_id,
        episodes.line_id,
        channel_days.channel

),

final as (

    select
        user_id,
        line_id,
        channel,
        visit_count,
        row_number() over (
            partition by user_id, line_id
            order by visit_count desc, channel
        ) as rank_number
    from channel_visits

)

select
    user_id,
    line_id,
    channel,
    cast(visit_count as bigint) as visit_count,
    rank_number
from final
