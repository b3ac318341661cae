-- One row per user that was merged into another: the user that stands for both in the end.
with recursive

merged_users as (

    select
        users.user_id,
        users.merged_into
    from {{ visible_rows('users', ['user_id'], ['merged_into']) }} as users
    where
        users.merged_into is not null
        and users.merged_into <> users.user_id

),

-- Ten links are more than any real chain has; they bound a circle, which a wrong delivery could hold.
followed_links as (

    select
        user_id,
        merged_into,
        1 as link_count
    from merged_users

    union all

    select
        followed_links.user_id,
        merged_users.merged_into,
        followed_links.link_count + 1 as link_count
    from followed_links
    inner join merged_users
        on followed_links.merged_into = merged_users.user_id
    where followed_links.link_count < 10

),

last_links as (

    select
        user_id,
        max(link_count) as link_count
    from followed_links
    group by user_id

),

final as (

    select
        followed_links.user_id,
        followed_links.merged_into
    from followed_links
    inner join last_links
        on
            followed_links.user_id = last_links.user_id
            and followed_links.link_count = last_links.link_count
    where followed_links.user_id <> followed_links.merged_into

)

select
    user_id,
    merged_into
from final
