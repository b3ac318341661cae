-- One row per open episode of a changed user that is profiled and visit channel up to the lapse, the one of most visits
-- first.
{{ config(post_hook='{{ analyze(this) }}') }}

-- A rebuild reads the visits of all, so this is written where they are looked up and nowhere else.
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

visits as (

    select
        visits.user_id,
        visits.visited_date,
        visits.object_type,
        visits.object_id,
        {{ is_visit_of_line_object('visits.object_type', 'visits.object_id') }} as is_of_line_object,
        visits.channel,
        {{ visit_code('visits.session_id', 'visits.visit_id') }} as visit_code
    from {{ rows_of_users(ref('stg_landing__visits'), wanted_sources) }} as visits
    inner join last_lapses
        on
            visits.user_id = last_lapses.user_id
            and visits.visited_date <= last_lapses.lapsed_date
    where visits.channel is not null

),

objects as (

    select
        object_type,
        object_id,
        line_id
    from {{ ref('int_visit_objects__lined') }}

),

-- The line that a visit's object names; empty if it names none, which makes it a visit of every line of the customer.
-- A visit is a session on a day; one that changed its channel counts for both.
visit_parts as (

    select
        visits.user_id,
        visits.channel,
        visits.visited_date,
        visits.visit_code,
        case when visits.is_of_line_object then coalesce(objects.line_id, 'all') else '' end as line_id
    from visits
    left join objects
        on
            visits.object_type = objects.object_type
            and visits.object_id = objects.object_id
    group by
        visits.user_id,
        visits.channel,
        visits.visited_date,
        visits.visit_code,
        case when visits.is_of_line_object then coalesce(objects.line_id, 'all') else '' end

),

-- The empty line comes before all others: where it is the first, the visit names none with one of its rows.
marked_parts as (

    select
        user_id,
        channel,
        visited_date,
        line_id,
        min(line_id) over (partition by user_id, channel, visited_date, visit_code) as first_line_id
    from visit_parts

),

channel_days as (

    select
        user_id,
        channel,
        visited_date,
        line_id,
        count(*) as visit_count,
        sum(case when first_line_id = '' then 1 else 0 end) as unlined_visit_count
    from marked_parts
    group by
        user_id,
        channel,
        visited_date,
        line_id

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
