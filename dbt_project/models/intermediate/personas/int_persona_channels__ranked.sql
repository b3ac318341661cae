-- One row per open episode of a changed user that is profiled and visit channel up to the lapse, the one of most visits
-- first.
-- depends_on: {{ source('definitions', 'funnel_steps') }}, {{ ref('int_visit_objects__lined') }},
-- {{ ref('int_visit_days__summed') }}, {{ ref('stg_landing__visits') }}
{{ config(pre_hook='{{ fetch_ahead() }}', post_hook='{{ analyze(this) }}') }}

-- A rebuild has the days of all visits; a night has those of tonight, and looks up whose channel it asks for.
{%- set wanted_sources %}
        (
            select lapsed_sources.source_user_id
            from {{ ref('int_lapsed_users__changed') }} as lapsed_sources
            where lapsed_sources.user_id in (select last_lapses.user_id from last_lapses)
        )
{%- endset %}

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

-- Nothing after a user's last lapse is decided on.
last_lapses as (

    select
        user_id,
        max(lapsed_date) as lapsed_date
    from episodes
    group by user_id

),

visit_days as (

    {% if is_full_rebuild() -%}
        select
            user_id,
            visited_date,
            line_id,
            channel,
            channel_visit_count,
            channel_unlined_visit_count
        from {{ ref('int_visit_days__summed') }}
    {%- else -%}
        {{ visit_days(rows_of_users(ref('stg_landing__visits'), wanted_sources)) }}
    {%- endif %}

),

channel_days as (

    select
        visit_days.user_id,
        visit_days.visited_date,
        visit_days.line_id,
        visit_days.channel,
        visit_days.channel_visit_count as visit_count,
        visit_days.channel_unlined_visit_count as unlined_visit_count
    from visit_days
    inner join last_lapses
        on
            visit_days.user_id = last_lapses.user_id
            and visit_days.visited_date <= last_lapses.lapsed_date
    where
        visit_days.channel is not null
        and visit_days.line_id <> 'any'

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
