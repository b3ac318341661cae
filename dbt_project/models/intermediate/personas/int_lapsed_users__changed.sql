-- One row per user_id of delivered rows that stands for a changed user with an open episode: its own, and merged ones.
{{ config(post_hook='{{ analyze(this) }}') }}

with

open_episodes as (

    select user_id
    from {{ ref('int_lapse_episodes__delta') }}
    where is_open
    group by user_id

),

final as (

    select
        changed_sources.user_id,
        changed_sources.source_user_id
    from {{ ref('int_users__changed_sources') }} as changed_sources
    inner join open_episodes
        on changed_sources.user_id = open_episodes.user_id

)

select
    user_id,
    source_user_id
from final
