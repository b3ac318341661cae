-- One row per changed customer and line: where the customer stands, as far as it does not age with the as-of date.
-- Where the days before stand, tonight's come to what yesterday knew of them.
-- depends_on: {{ ref('int_customer_lines__standing') }}
{{ config(post_hook='{{ analyze(this) }}') }}

with

days as (

    select
        user_id,
        line_id,
        case when order_count > 0 then activity_date end as first_order_date,
        case when order_count > 0 then activity_date end as last_order_date,
        case when visit_count > 0 then activity_date end as last_visit_date,
        case when order_count > 0 then 1 else 0 end as order_day_count
    from {{ ref('int_user_days__tonight') }}
    where line_id <> 'any'
    {%- if not is_full_rebuild() %}

        union all

        select
            user_id,
            line_id,
            first_order_date,
            last_order_date,
            last_visit_date,
            order_day_count
        from {{ ref('int_customer_lines__standing') }}
    {%- endif %}

),

line_days as (

    select
        user_id,
        line_id,
        min(first_order_date) as first_order_date,
        max(last_order_date) as last_order_date,
        max(last_visit_date) as last_visit_date,
        sum(order_day_count) as order_day_count
    from days
    group by
        user_id,
        line_id
    having sum(order_day_count) > 0

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
        -- The last key day that stands is counted on both sides.
        cast(key_days.key_day_count + coalesce(standing_lines.key_day_count - 1, 0) as integer) as key_day_count,
        cast(line_days.order_day_count as integer) as order_day_count,
        cast(
            coalesce(episodes.episode_count, 0) + coalesce(standing_lines.ended_episode_count, 0) as integer
        ) as episode_count,
        coalesce(episodes.last_returned_date, standing_lines.last_returned_date) as last_returned_date,
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
    left join {{ ref('int_customer_lines__standing') }} as standing_lines
        on
            line_days.user_id = standing_lines.user_id
            and line_days.line_id = standing_lines.line_id

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
