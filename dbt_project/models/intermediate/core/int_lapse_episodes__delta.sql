-- One row per lapse episode of a changed user.
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
        user_id,
        line_id,
        cast(row_number() over (partition by user_id, line_id order by key_date) as integer) as episode_number,
        key_date as last_key_date,
        {{ lapsed_date('key_date', 'lapse_days') }} as lapsed_date,
        next_key_date as returned_date,
        (next_key_date is null) as is_open
    from key_days
    where {{ is_lapse_episode('key_date', 'next_key_date', 'lapse_days') }}

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
