-- One row per candidate: the first reason that keeps it out, in the order of the waterfall; none for a member.
{{ config(materialized='table') }}

with

candidates as (

    select
        candidates.campaign_id,
        candidates.campaign_version,
        candidates.priority,
        candidates.cool_down_days,
        candidates.step_number,
        candidates.user_id,
        candidates.line_id,
        candidates.episode_number,
        candidates.last_key_date,
        candidates.lapsed_date,
        candidates.is_open,
        candidates.person_id,
        candidates.arm_code,
        candidates.variant_code,
        candidates.channel,
        candidates.offer_code,
        contact_points.contact_id,
        candidates.is_consent_default,
        candidates.is_global_holdout,
        candidates.is_campaign_holdout
    from {{ ref('int_candidates__drawn') }} as candidates
    left join {{ source('pii', 'user_contact_points') }} as contact_points
        on
            candidates.user_id = contact_points.user_id
            and candidates.contact_code = contact_points.contact_code

),

contact_channels as (

    select
        contact_id,
        channel
    from candidates
    where contact_id is not null
    group by
        contact_id,
        channel

),

contact_users as (

    select
        contact_channels.contact_id,
        contact_channels.channel,
        coalesce(user_merges.merged_into, contact_points.user_id) as user_id
    from contact_channels
    inner join {{ source('pii', 'user_contact_points') }} as contact_points
        on contact_channels.contact_id = contact_points.contact_id
    left join {{ ref('stg_landing__user_merges') }} as user_merges
        on contact_points.user_id = user_merges.user_id

),

asked_users as (

    select user_id
    from candidates

    union

    select user_id
    from contact_users

),

-- Of a yes and a no at the same instant the no counts.
ranked_consents as (

    select
        consents.user_id,
        consents.channel,
        consents.is_opted_in,
        row_number() over (
            partition by consents.user_id, consents.channel
            order by consents.changed_at desc, case when consents.is_opted_in then 1 else 0 end
        ) as recency_number
    from {{ ref('stg_landing__consents') }} as consents
    inner join asked_users
        on consents.user_id = asked_users.user_id

),

consents as (

    select
        user_id,
        channel,
        is_opted_in
    from ranked_consents
    where recency_number = 1

),

-- A message goes to a contact: if anybody who is reached there said no, nobody is written to there.
refused_contacts as (

    select
        contact_users.contact_id,
        contact_users.channel
    from contact_users
    inner join consents
        on
            contact_users.user_id = consents.user_id
            and contact_users.channel = consents.channel
            and not consents.is_opted_in
    group by
        contact_users.contact_id,
        contact_users.channel

),

-- Earlier means selected for an earlier day, so the same night again finds what it found the first time. What was
-- suppressed or may be tried again was not sent.
earlier_touches as (

    select
        campaign_id,
        step_number,
        person_id,
        contact_id,
        selected_date
    from {{ source('ledger', 'sends') }}
    where
        selected_date < {{ selected_date() }}
        and (state in ('claimed', 'sent', 'unknown') or (state = 'failed' and not is_retryable))

    union all

    select
        campaign_id,
        step_number,
        person_id,
        cast(null as {{ dbt.type_string() }}) as contact_id,
        selected_date
    from {{ source('ledger', 'entries') }}
    where
        selected_date < {{ selected_date() }}
        and is_held_out

),

step_touches as (

    select
        campaign_id,
        step_number,
        person_id,
        max(selected_date) as last_selected_date
    from earlier_touches
    group by
        campaign_id,
        step_number,
        person_id

),

contact_touches as (

    select
        campaign_id,
        step_number,
        contact_id,
        max(selected_date) as last_selected_date
    from earlier_touches
    where contact_id is not null
    group by
        campaign_id,
        step_number,
        contact_id

),

-- Touches of an earlier lapse: those before the key day from which this episode counts.
earlier_lapses as (

    select
        candidates.campaign_id,
        candidates.person_id,
        candidates.last_key_date,
        max(earlier_touches.selected_date) as last_selected_date
    from candidates
    inner join earlier_touches
        on
            candidates.campaign_id = earlier_touches.campaign_id
            and candidates.person_id = earlier_touches.person_id
            and candidates.last_key_date >= earlier_touches.selected_date
    group by
        candidates.campaign_id,
        candidates.person_id,
        candidates.last_key_date

),

checked as (

    select
        candidates.campaign_id,
        candidates.campaign_version,
        candidates.priority,
        candidates.step_number,
        candidates.user_id,
        candidates.line_id,
        candidates.episode_number,
        candidates.last_key_date,
        candidates.lapsed_date,
        candidates.person_id,
        candidates.arm_code,
        candidates.variant_code,
        candidates.channel,
        candidates.offer_code,
        candidates.contact_id,
        candidates.is_global_holdout,
        candidates.is_campaign_holdout,
        case
            when
                refused_contacts.contact_id is not null
                or not coalesce(consents.is_opted_in, candidates.is_consent_default)
                then 'no_consent'
            when candidates.contact_id is null then 'unreachable'
            when not candidates.is_open then 'already_returned'
        end as early_reason_code,
        case
            when
                {{ selected_date() }}
                < {{ add_days('earlier_lapses.last_selected_date', 'candidates.cool_down_days') }}
                then 'cooling_down'
            when
                step_touches.last_selected_date > candidates.last_key_date
                or contact_touches.last_selected_date > candidates.last_key_date
                then 'already_sent'
        end as late_reason_code
    from candidates
    left join consents
        on
            candidates.user_id = consents.user_id
            and candidates.channel = consents.channel
    left join refused_contacts
        on
            candidates.contact_id = refused_contacts.contact_id
            and candidates.channel = refused_contacts.channel
    left join step_touches
        on
            candidates.campaign_id = step_touches.campaign_id
            and candidates.step_number = step_touches.step_number
            and candidates.person_id = step_touches.person_id
    left join contact_touches
        on
            candidates.campaign_id = contact_touches.campaign_id
            and candidates.step_number = contact_touches.step_number
            and candidates.contact_id = contact_touches.contact_id
    left join earlier_lapses
        on
            candidates.campaign_id = earlier_lapses.campaign_id
            and candidates.person_id = earlier_lapses.person_id
            and candidates.last_key_date = earlier_lapses.last_key_date

),

-- The campaign that takes a person tonight: of those that nothing else keeps out the one of the greatest priority,
-- then of the smallest id. A member that is held out is taken too, else another campaign would spoil the comparison.
taking_campaigns as (

    select
        person_id,
        campaign_id,
        priority,
        row_number() over (partition by person_id order by priority desc, campaign_id) as campaign_rank
    from checked
    where
        early_reason_code is null
        and late_reason_code is null
    group by
        person_id,
        campaign_id,
        priority

),

outranked as (

    select
        checked.campaign_id,
        checked.campaign_version,
        checked.step_number,
        checked.user_id,
        checked.line_id,
        checked.episode_number,
        checked.last_key_date,
        checked.lapsed_date,
        checked.person_id,
        checked.arm_code,
        checked.variant_code,
        checked.channel,
        checked.offer_code,
        checked.contact_id,
        checked.is_global_holdout,
        checked.is_campaign_holdout,
        case
            when checked.early_reason_code is not null then checked.early_reason_code
            when
                taking_campaigns.priority > checked.priority
                or (
                    taking_campaigns.priority = checked.priority
                    and taking_campaigns.campaign_id < checked.campaign_id
                )
                then 'higher_priority_campaign'
            else checked.late_reason_code
        end as reason_code
    from checked
    left join taking_campaigns
        on
            checked.person_id = taking_campaigns.person_id
            and taking_campaigns.campaign_rank = 1

),

-- Of a person's episodes a step takes the one that lapsed last.
ranked_episodes as (

    select
        campaign_id,
        campaign_version,
        step_number,
        user_id,
        line_id,
        episode_number,
        last_key_date,
        person_id,
        arm_code,
        variant_code,
        channel,
        offer_code,
        contact_id,
        is_global_holdout,
        is_campaign_holdout,
        reason_code,
        row_number() over (
            partition by campaign_id, step_number, person_id, reason_code
            order by lapsed_date desc, line_id, last_key_date desc, user_id
        ) as episode_rank
    from outranked

),

-- Persons are never merged, so two of them may have come to share a contact point; it still gets one message.
ranked_contacts as (

    select
        campaign_id,
        campaign_version,
        step_number,
        user_id,
        line_id,
        episode_number,
        last_key_date,
        person_id,
        arm_code,
        variant_code,
        channel,
        offer_code,
        contact_id,
        is_global_holdout,
        is_campaign_holdout,
        reason_code,
        episode_rank,
        row_number() over (
            partition by campaign_id, step_number, channel, contact_id, reason_code, episode_rank
            order by person_id
        ) as contact_rank
    from ranked_episodes

),

final as (

    select
        campaign_id,
        campaign_version,
        step_number,
        user_id,
        line_id,
        episode_number,
        last_key_date,
        person_id,
        contact_id,
        arm_code,
        variant_code,
        channel,
        offer_code,
        is_global_holdout,
        is_campaign_holdout,
        case
            when reason_code is not null then reason_code
            when episode_rank > 1 or contact_rank > 1 then 'same_person'
        end as reason_code
    from ranked_contacts

)

select
    campaign_id,
    campaign_version,
    step_number,
    user_id,
    line_id,
    episode_number,
    last_key_date,
    person_id,
    contact_id,
    arm_code,
    variant_code,
    channel,
    offer_code,
    is_global_holdout,
    is_campaign_holdout,
    reason_code
from final
