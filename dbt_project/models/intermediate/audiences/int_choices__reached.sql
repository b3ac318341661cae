-- One row per candidate and treatment that its arm may take: whether the channel may be used, and what it would reach.
{{ config(materialized='table', post_hook=analyze(this)) }}

with

candidates as (

    select
        candidate_number,
        campaign_id,
        campaign_version,
        user_id,
        person_id,
        arm_code
    from {{ ref('int_candidates__drawn') }}

),

treatments as (

    select
        campaign_id,
        campaign_version,
        arm_code,
        choice_number,
        action_number,
        channel,
        offer_code,
        variant_code
    from {{ source('definitions', 'campaign_choices') }}

),

channels as (

    {{ channels_in_force() }}

),

choices as (

    select
        candidates.candidate_number,
        candidates.campaign_id,
        candidates.campaign_version,
        candidates.user_id,
        candidates.person_id,
        treatments.choice_number,
        treatments.action_number,
        treatments.channel,
        treatments.offer_code,
        treatments.variant_code,
        contact_points.contact_id,
        channels.unit_cost_amount,
        coalesce(channels.default_consent, false) as is_consent_default,
        coalesce(channels.may_carry_marketing, false) as may_carry_marketing
    from candidates
    inner join treatments
        on
            candidates.campaign_id = treatments.campaign_id
            and candidates.campaign_version = treatments.campaign_version
            and candidates.arm_code = treatments.arm_code
    left join channels
        on treatments.channel = channels.channel
    left join {{ source('pii', 'user_contact_points') }} as contact_points
        on
            candidates.user_id = contact_points.user_id
            and channels.contact_code = contact_points.contact_code

),

contact_channels as (

    select
        contact_id,
        channel
    from choices
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

)

select
    choices.candidate_number,
    choices.choice_number,
    choices.campaign_id,
    choices.campaign_version,
    choices.person_id,
    choices.action_number,
    choices.channel,
    choices.offer_code,
    choices.variant_code,
    choices.contact_id,
    choices.unit_cost_amount,
    choices.may_carry_marketing,
    case
        when refused_contacts.contact_id is not null then false
        else coalesce(consents.is_opted_in, choices.is_consent_default)
    end as has_consent
from choices
left join consents
    on
        choices.user_id = consents.user_id
        and choices.channel = consents.channel
left join refused_contacts
    on
        choices.contact_id = refused_contacts.contact_id
        and choices.channel = refused_contacts.channel
