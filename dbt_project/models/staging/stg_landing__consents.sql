-- One row per user, channel and moment of a yes or no up to the as-of date.
with

consents as (

    select
        consents.user_id,
        consents.channel,
        consents.changed_at,
        consents.is_opted_in
    from {{ visible_rows('consents', ['user_id', 'channel', 'changed_at'], ['is_opted_in']) }} as consents

),

user_merges as (

    select
        user_id,
        merged_into
    from {{ ref('stg_landing__user_merges') }}

),

final as (

    select
        coalesce(user_merges.merged_into, consents.user_id) as user_id,
        consents.user_id as source_user_id,
        consents.changed_at,
        {{ business_date('consents.changed_at') }} as changed_date,
        consents.channel,
        consents.is_opted_in
    from consents
    left join user_merges
        on consents.user_id = user_merges.user_id
    where
        {{ business_date('consents.changed_at') }} <= {{ as_of_date() }}
        and {{ is_known_user('consents.user_id') }}

)

select
    user_id,
    source_user_id,
    changed_at,
    changed_date,
    channel,
    is_opted_in
from final
