-- One row per changed user, day from the first changed day on, line that visits name (empty: none) and channel; and per
-- day one of all visits, line any. A visit is a session on a day: in a line it counts once, with the first of its
-- channels; on a channel it counts by itself, so that one which changed its channel counts for both.
-- depends_on: {{ source('definitions', 'funnel_steps') }}
{{ config(pre_hook='{{ group_by_sorting() }}', post_hook='{{ analyze(this) }}') }}

with

visits as (

    select
        user_id,
        visited_date,
        coalesce(channel, '') as channel,
        object_type,
        object_id,
        {{ is_visit_of_line_object('object_type', 'object_id') }} as is_of_line_object,
        {{ visit_code('session_id', 'visit_id') }} as visit_code,
        {{ funnel_step_of_visit('action', 'object_type') }} as funnel_step_number
    from {{ rows_of_changed_users(ref('stg_landing__visits'), date='visited_date', instant='visited_at') }}

),

objects as (

    select
        object_type,
        object_id,
        line_id
    from {{ ref('int_visit_objects__lined') }}

),

lined_visits as (

    select
        visits.user_id,
        visits.visited_date,
        visits.visit_code,
        case when visits.is_of_line_object then coalesce(objects.line_id, 'all') else '' end as line_id,
        visits.channel,
        visits.funnel_step_number
    from visits
    left join objects
        on
            visits.object_type = objects.object_type
            and visits.object_id = objects.object_id

),

-- One sort in this order serves the parts, the windows over them and the days.
visit_parts as (

    select
        user_id,
        visited_date,
        visit_code,
        line_id,
        channel,
        count(*) as action_count,
        max(funnel_step_number) as funnel_step_number
    from lined_visits
    group by
        user_id,
        visited_date,
        visit_code,
        line_id,
        channel

),

-- The empty line comes before all others: where it is the first, the visit names none with one of its rows.
marked_parts as (

    select
        user_id,
        visited_date,
        line_id,
        channel,
        min(line_id) over (partition by user_id, visited_date, visit_code) as first_line_id,
        row_number() over (
            partition by user_id, visited_date, visit_code, line_id
            order by channel
        ) as channel_number,
        {{ is_among('channel', "line_id = ''", ['user_id', 'visited_date', 'visit_code']) }} as is_unlined_on_channel,
        action_count,
        funnel_step_number
    from visit_parts

),

-- In any every visit counts once, with the first of its lines.
summed_days as (

    select
        user_id,
        visited_date,
        case when {{ is_total('line_id') }} then 'any' else line_id end as line_id,
        case when {{ is_total('line_id') }} then '' else channel end as channel,
        case
            when {{ is_total('line_id') }}
                then sum(case when line_id = first_line_id and channel_number = 1 then 1 else 0 end)
            else sum(case when channel_number = 1 then 1 else 0 end)
        end as visit_count,
        case
            when {{ is_total('line_id') }} then 0
            else sum(case when first_line_id = '' and channel_number = 1 then 1 else 0 end)
        end as unlined_visit_count,
        case when {{ is_total('line_id') }} then 0 else count(*) end as channel_visit_count,
        case when {{ is_total('line_id') }} then 0 else sum(case when is_unlined_on_channel then 1 else 0 end) end
            as channel_unlined_visit_count,
        sum(action_count) as action_count,
        max(funnel_step_number) as funnel_step_number
    from marked_parts
    {{ group_by_with_total(['user_id', 'visited_date'], left_out=['line_id', 'channel']) }}

)

select
    user_id,
    visited_date,
    line_id,
    channel,
    cast(visit_count as integer) as visit_count,
    cast(unlined_visit_count as integer) as unlined_visit_count,
    cast(channel_visit_count as integer) as channel_visit_count,
    cast(channel_unlined_visit_count as integer) as channel_unlined_visit_count,
    cast(action_count as integer) as action_count,
    funnel_step_number
from summed_days
