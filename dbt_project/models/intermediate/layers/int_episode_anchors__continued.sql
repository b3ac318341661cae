-- One row per continued episode and visit day of tonight: a period in which the last visit stands still. The last order
-- is that of the bands before, since none falls into an episode.
{{ config(post_hook='{{ analyze(this) }}') }}

with

visited_episodes as (

    select
        user_id,
        line_id,
        episode_number,
        last_key_date,
        returned_date,
        first_visit_date
    from {{ ref('int_episodes__continued') }}
    where
        first_visit_date is not null
        and (returned_date is null or first_visit_date < returned_date)

),

last_orders as (

    select
        bands.user_id,
        bands.line_id,
        bands.last_key_date,
        max(bands.last_order_date) as last_order_date,
        max(bands.order_count_30d_before_last_order) as order_count_30d_before_last_order
    from visited_episodes
    inner join {{ yesterday('int_layer_bands') }} as bands
        on
            visited_episodes.user_id = bands.user_id
            and visited_episodes.line_id = bands.line_id
            and visited_episodes.last_key_date = bands.last_key_date
    group by
        bands.user_id,
        bands.line_id,
        bands.last_key_date

),

-- Tonight's, and those before that count for the first of them.
visit_days as (

    select
        user_days.user_id,
        user_days.line_id,
        user_days.activity_date,
        user_days.visit_count
    from visited_episodes
    inner join {{ ref('int_user_days__tonight') }} as user_days
        on
            visited_episodes.user_id = user_days.user_id
            and visited_episodes.line_id = user_days.line_id
    where user_days.visit_count > 0

    union all

    select
        user_days.user_id,
        user_days.line_id,
        user_days.activity_date,
        user_days.visit_count
    from visited_episodes
    inner join {{ yesterday('fct_user_days') }} as user_days
        on
            visited_episodes.user_id = user_days.user_id
            and visited_episodes.line_id = user_days.line_id
            and {{ visit_count_7d_begins('visited_episodes.first_visit_date') }} <= user_days.activity_date
    where user_days.visit_count > 0

),

numbered_days as (

    select
        user_id,
        line_id,
        activity_date,
        visit_count,
        {{ days_between("cast('1970-01-01' as date)", 'activity_date') }} as day_number
    from visit_days

),

visits as (

    select
        user_id,
        line_id,
        activity_date,
        lead(activity_date) over (partition by user_id, line_id order by day_number) as next_visit_date,
        {{ visit_count_7d_before() }} as visit_count_7d
    from numbered_days

)

select
    visited_episodes.user_id,
    visited_episodes.line_id,
    visited_episodes.episode_number,
    visited_episodes.last_key_date,
    visits.activity_date as valid_from,
    least(visited_episodes.returned_date, visits.next_visit_date) as valid_to,
    visits.activity_date as last_visit_date,
    cast(visits.visit_count_7d as integer) as visit_count_7d_before_last_visit,
    last_orders.last_order_date,
    last_orders.order_count_30d_before_last_order
from visited_episodes
inner join visits
    on
        visited_episodes.user_id = visits.user_id
        and visited_episodes.line_id = visits.line_id
        and visited_episodes.first_visit_date <= visits.activity_date
inner join last_orders
    on
        visited_episodes.user_id = last_orders.user_id
        and visited_episodes.line_id = last_orders.line_id
        and visited_episodes.last_key_date = last_orders.last_key_date
where
    visited_episodes.returned_date is null
    or visits.activity_date < visited_episodes.returned_date
