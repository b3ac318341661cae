-- Everybody whose word or behaviour counts for an entry: its user, whoever is reached at the same contact, and whoever
-- was merged with one of them. Users who were merged are one survivor. Most were not: they are followed nowhere.
insert into families (audience_id, survivor_id, user_id, is_own)
with recursive

reached as (
    select audience_id, user_id as reached_id, true as is_own
    from asked
    union all
    select asked.audience_id, points.user_id, false
    from asked
    inner join pii.user_contact_points as points on asked.contact_id = points.contact_id
    where points.user_id <> asked.user_id
),

-- Whom a user was merged into in the end; ten links bound a circle.
upward as (
    select reached.audience_id, reached.reached_id, users.merged_into as user_id, 1 as link_count
    from reached
    inner join raw.users as users on reached.reached_id = users.user_id
    where users.merged_into is not null and users.merged_into <> users.user_id
    union all
    select upward.audience_id, upward.reached_id, users.merged_into, upward.link_count + 1
    from upward
    inner join raw.users as users on upward.user_id = users.user_id
    where users.merged_into is not null and users.merged_into <> users.user_id and upward.link_count < 10
),

ends as (
    select distinct on (audience_id, reached_id) audience_id, reached_id, user_id as survivor_id
    from upward
    order by audience_id asc, reached_id asc, link_count desc
),

survivors as materialized (
    select
        reached.audience_id,
        coalesce(ends.survivor_id, reached.reached_id) as survivor_id,
        bool_or(reached.is_own) as is_own
    from reached
    left join ends on reached.audience_id = ends.audience_id and reached.reached_id = ends.reached_id
    group by reached.audience_id, coalesce(ends.survivor_id, reached.reached_id)
),

-- And everybody who was merged into that one.
downward as (
    select survivors.audience_id, survivors.survivor_id, survivors.is_own, users.user_id, 1 as link_count
    from survivors
    inner join raw.users as users on survivors.survivor_id = users.merged_into
    where users.user_id <> survivors.survivor_id
    union all
    select downward.audience_id, downward.survivor_id, downward.is_own, users.user_id, downward.link_count + 1
    from downward
    inner join raw.users as users on downward.user_id = users.merged_into
    where users.user_id <> downward.user_id and downward.link_count < 10
)

select audience_id, survivor_id, survivor_id, is_own
from survivors
union all
select distinct audience_id, survivor_id, user_id, is_own
from downward
where user_id <> survivor_id
