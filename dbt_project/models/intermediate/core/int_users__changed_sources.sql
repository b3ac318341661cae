-- One row per user_id of delivered rows that stands for one of tonight's changed users: its own, and merged ones.
{{ config(post_hook='{{ analyze(this) }}') }}

with

changed_users as (

    select
        user_id,
        replace_from_date
    from {{ ref('int_users__changed') }}

),

user_merges as (

    select
        user_id,
        merged_into
    from {{ ref('stg_landing__user_merges') }}

),

final as (

    select
        changed_users.user_id,
        changed_users.user_id as source_user_id,
        changed_users.replace_from_date
    from changed_users
    left join user_merges
        on changed_users.user_id = user_merges.user_id
    where user_merges.user_id is null

    union all

    select
        changed_users.user_id,
        user_merges.user_id as source_user_id,
        changed_users.replace_from_date
    from changed_users
    inner join user_merges
        on changed_users.user_id = user_merges.merged_into

)

select
    user_id,
    source_user_id,
    replace_from_date
from final
