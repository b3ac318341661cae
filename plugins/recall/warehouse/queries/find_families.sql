-- Everybody whose word or behaviour counts for an entry: its user, whoever is reached at the same contact, and whoever
-- was merged with one of them. Users who were merged are one survivor.
with recursive

asked as (
    select audience_id, channel, contact_id, user_id, line_id, last_key_date
    from ledger.entries
    where audience_id = any(%(audience_ids)s)
),

reached as (
    select audience_id, user_id as reached_id, true as is_own
    from asked
    union
    select asked.audience_id, points.user_id, asked.user_id = points.user_id
    from asked
    inner join pii.user_contact_points as points on asked.contact_id = points.contact_id
),

-- Whom a user was merged into in the end; ten links bound a circle.
upward as (
    select audience_id, reached_id, is_own, reached_id as user_id, 0 as link_count
    from reached
    union all
    select upward.audience_id, upward.reached_id, upward.is_own, users.merged_into, upward.link_count + 1
    from upward
    inner join raw.users as users on upward.user_id = users.user_id
    where users.merged_into is not null and users.merged_into <> users.user_id and upward.link_count < 10
),

survivors as (
    select audience_id, survivor_id, bool_or(is_own) as is_own
    from (
        select distinct on (audience_id, reached_id) audience_id, reached_id, is_own, user_id as survivor_id
        from upward
        order by audience_id asc, reached_id asc, link_count desc
    ) as ends
    group by audience_id, survivor_id
),

-- And everybody who was merged into that one.
downward as (
    select audience_id, survivor_id, is_own, survivor_id as user_id, 0 as link_count
    from survivors
    union all
    select downward.audience_id, downward.survivor_id, downward.is_own, users.user_id, downward.link_count + 1
    from downward
    inner join raw.users as users on downward.user_id = users.merged_into
    where users.user_id <> downward.user_id and downward.link_count < 10
)

select distinct
    asked.audience_id,
    asked.line_id,
    asked.last_key_date,
    downward.survivor_id,
    downward.user_id,
    downward.is_own
from downward
inner join asked on downward.audience_id = asked.audience_id
