-- One row per action of a visit up to the as-of date.
with

visits as (

    select
        visits.visit_id,
        visits.user_id,
        visits.visited_at,
        visits.action,
        visits.object_type,
        visits.object_id,
        visits.channel,
        visits.session_id
    from
        {{ visible_rows(
            'visits',
            ['visit_id'],
            ['user_id', 'visited_at', 'action', 'object_type', 'object_id', 'channel', 'session_id'],
        ) }} as visits

),

user_merges as (

    select
        user_id,
        merged_into
    from {{ ref('stg_landing__user_merges') }}

),

final as (

    select
        visits.visit_id,
        coalesce(user_merges.merged_into, visits.user_id) as user_id,
        visits.user_id as source_user_id,
        visits.visited_at,
        {{ business_date('visits.visited_at') }} as visited_date,
        visits.action,
        visits.object_type,
        visits.object_id,
        visits.channel,
        visits.session_id
    from visits
    left join user_merges
        on visits.user_id = user_merges.user_id
    where
        {{ is_seen_instant('visits.visited_at') }}
        and {{ is_known_user('visits.user_id') }}

)

select
    visit_id,
    user_id,
    source_user_id,
    visited_at,
    visited_date,
    action,
    object_type,
    object_id,
    channel,
    session_id
from final
