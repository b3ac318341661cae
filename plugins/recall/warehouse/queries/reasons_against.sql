-- Per entry the first reason why it must not be sent now, as far as anything loaded by now can tell; null if none.
-- Consent and return are looked up for everybody that the contact reaches and whoever was merged with them.
with recursive

asked as (
    select
        audience_id, campaign_id, step_number, selected_date, channel, contact_id, user_id, line_id, last_key_date
    from ledger.entries
    where audience_id = any(%(audience_ids)s)
),

reached as (
    select audience_id, channel, user_id as reached_id, true as is_own
    from asked
    union
    select asked.audience_id, asked.channel, points.user_id, asked.user_id = points.user_id
    from asked
    inner join pii.user_contact_points as points on asked.contact_id = points.contact_id
),

-- Whom a user was merged into in the end; ten links bound a circle.
upward as (
    select audience_id, channel, reached_id, is_own, reached_id as user_id, 0 as link_count
    from reached
    union all
    select upward.audience_id, upward.channel, upward.reached_id, upward.is_own, users.merged_into, link_count + 1
    from upward
    inner join raw.users as users on upward.user_id = users.user_id
    where users.merged_into is not null and users.merged_into <> users.user_id and upward.link_count < 10
),

survivors as (
    select audience_id, channel, survivor_id, bool_or(is_own) as is_own
    from (
        select distinct on (audience_id, reached_id) audience_id, channel, reached_id, is_own, user_id as survivor_id
        from upward
        order by audience_id asc, reached_id asc, link_count desc
    ) as ends
    group by audience_id, channel, survivor_id
),

-- And everybody who was merged into that one.
downward as (
    select audience_id, channel, survivor_id, is_own, survivor_id as user_id, 0 as link_count
    from survivors
    union all
    select downward.audience_id, downward.channel, downward.survivor_id, downward.is_own, users.user_id, link_count + 1
    from downward
    inner join raw.users as users on downward.user_id = users.merged_into
    where users.user_id <> downward.user_id and downward.link_count < 10
),

families as (
    select distinct audience_id, channel, survivor_id, is_own, user_id
    from downward
),

-- Of a yes and a no at the same instant the no counts.
consents as (
    select distinct on (families.audience_id, families.survivor_id)
        families.audience_id, families.survivor_id, families.is_own, consents.is_opted_in
    from families
    inner join raw.consents as consents
        on families.user_id = consents.user_id and families.channel = consents.channel
    order by families.audience_id asc, families.survivor_id asc, consents.changed_at desc, consents.is_opted_in asc
),

-- Looked up once for all who are asked about, not entry by entry: what the marts have not seen is a view over raw rows.
returned as materialized (
    select distinct families.audience_id
    from families
    inner join asked on families.audience_id = asked.audience_id
    inner join audiences.int_key_behaviours__unseen as behaviours
        on families.user_id = behaviours.user_id and asked.line_id = behaviours.line_id
    where families.is_own and behaviours.happened_date > asked.last_key_date
)

select
    asked.audience_id,
    case
        when exists (
            select from consents
            where consents.audience_id = asked.audience_id and not consents.is_opted_in
        ) then 'no_consent'
        when not coalesce(
            (select consents.is_opted_in from consents where consents.audience_id = asked.audience_id and consents.is_own),
            (
                select channels.default_consent
                from definitions.channels as channels
                where channels.channel = asked.channel
                order by
                    case when channels.valid_from < asked.selected_date then 0 else 1 end,
                    case when channels.valid_from < asked.selected_date then channels.valid_from end desc,
                    channels.valid_from
                limit 1
            ),
            false
        ) then 'no_consent'
        when not exists (
            select from pii.user_contact_points as points
            where points.user_id = asked.user_id and points.contact_id = asked.contact_id
        ) then 'unreachable'
        when exists (
            select from returned
            where returned.audience_id = asked.audience_id
        ) then 'already_returned'
        when exists (
            select from ledger.sends as earlier
            inner join ledger.entries as self on self.audience_id = asked.audience_id
            where
                earlier.campaign_id = asked.campaign_id
                and earlier.step_number = asked.step_number
                and (earlier.person_id = self.person_id or earlier.contact_id = asked.contact_id)
                and earlier.audience_id <> asked.audience_id
                and earlier.selected_date > asked.last_key_date
                and (earlier.state in ('claimed', 'sent', 'unknown') or (earlier.state = 'failed' and not earlier.is_retryable))
        ) then 'already_sent'
    end as reason_code
from asked
