-- One row per lapse episode of a changed user; where earlier ones stand, from the last key day before tonight's days
-- on.
{{ config(post_hook='{{ analyze(this) }}') }}

with

key_days as (

    select
        user_id,
        line_id,
        key_date,
        next_key_date,
        lapse_days
    from {{ ref('int_key_days__changed') }}

),

final as (

    select
        key_days.user_id,
        key_days.line_id,
        cast(
            coalesce(standing_lines.ended_episode_count, 0)
            + row_number() over (partition by key_days.user_id, key_days.line_id order by key_days.key_date)
            as integer
        ) as episode_number,
        key_days.key_date as last_key_date,
        {{ lapsed_date('key_days.key_date', 'key_days.lapse_days') }} as lapsed_date,
        key_days.next_key_date as returned_date,
        (key_days.next_key_date is null) as is_open
    from key_days
    left join {{ ref('int_customer_lines__standing') }} as standing_lines
        on
            key_days.user_id = standing_lines.user_id
            and key_days.line_id = standing_lines.line_id
    where {{ is_lapse_episode('key_days.key_date', 'key_days.next_key_date', 'key_days.lapse_days') }}

)

select
    user_id,
    line_id,
    episode_number,
    last_key_date,
    lapsed_date,
    returned_date,
    is_open
from final
