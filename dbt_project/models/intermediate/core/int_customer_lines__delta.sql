-- One row per changed customer and line: where the customer stands, as far as it does not age with the as-of date.
{{ config(post_hook='{{ analyze(this) }}') }}

with

line_days as (

    select
        user_days.user_id,
        user_days.line_id,
        min(case when user_days.order_count > 0 then user_days.activity_date end) as first_order_date,
        max(case when user_days.order_count > 0 then user_days.activity_date end) as last_order_date,
        max(case when user_days.visit_count > 0 then user_days.activity_date end) as last_visit_date,
        sum(case when user_days.order_count > 0 then 1 else 0 end) as order_day_count
    from {{ ref('int_user_days__tonight') }} as user_days
    where user_days.line_id <> 'any'
    group by
        user_days.user_id,
        user_days.line_id
    having sum(user_days.order_count) > 0

),

key_days as (

    select
        user_id,
        line_id,
        max(key_date) as last_key_date,
        count(*) as key_day_count
    from {{ ref('int_key_days__changed') }}
    group by
        user_id,
        line_id

),

episodes as (

    select
        user_id,
        line_id,
        count(*) as episode_count,
        max(returned_date) as last_returned_date,
        max(case when is_open then episode_number end) as open_episode_number,
        max(case when is_open then lapsed_date end) as lapsed_date
    from {{ ref('int_lapse_episodes__delta') }}
    group by
        user_id,
        line_id

),

final as (

    select
        line_days.user_id,
        line_days.line_id,
        line_days.first_order_date,
        line_days.last_order_date,
        line_days.last_visit_date,
        key_days.last_key_date,
        cast(key_days.key_day_count as integer) as key_day_count,
        cast(line_days.order_day_count as integer) as order_day_count,
        cast(coalesce(episodes.episode_count, 0) as integer) as episode_count,
        episodes.last_returned_date,
        (episodes.open_episode_number is not null) as has_open_episode,
        episodes.open_episode_number,
        episodes.lapsed_date
    from line_days
    inner join key_days
        on
            line_days.user_id = key_days.user_id
            and line_days.line_id = key_days.line_id
    left join episodes
        on
            line_days.user_id = episodes.user_id
            and line_days.line_id = episodes.line_id

)

select
    user_id,
    line_id,
    first_order_date,
    last_order_date,
    last_visit_date,
    last_key_date,
    key_day_count,
    order_day_count,
    episode_count,
    last_returned_date,
    has_open_episode,
    open_episode_number,
    lapsed_date
from final
