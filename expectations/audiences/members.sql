-- The members that the night under way selected, each with what must not be true of it.
with

members as (

    select members.*
    from audiences.aud_recall_members as members
    where members.selected_date = (select night.as_of_date + 1 from control.night)

),

ranked_consents as (

    select
        consents.user_id,
        consents.channel,
        consents.is_opted_in,
        row_number() over (
            partition by consents.user_id, consents.channel
            order by consents.changed_at desc, consents.is_opted_in
        ) as recency_number
    from staging.stg_landing__consents as consents
    where consents.user_id in (select members.user_id from members)

),

refusals as (

    select
        ranked_consents.user_id,
        ranked_consents.channel
    from ranked_consents
    where
        ranked_consents.recency_number = 1
        and not ranked_consents.is_opted_in

)

select
    members.audience_id,
    members.campaign_id,
    members.step_number,
    members.person_id,
    members.contact_id,
    members.channel,
    members.arm_code,
    members.is_global_holdout,
    members.is_campaign_holdout,
    members.is_global_holdout and members.is_campaign_holdout as is_held_out_twice,
    not (members.is_global_holdout or members.is_campaign_holdout)
    and (
        exists (
            select 1
            from ledger.global_holdouts
            where
                global_holdouts.person_id = members.person_id
                and global_holdouts.is_global_holdout
        )
        or exists (
            select 1
            from ledger.assignments
            where
                assignments.person_id = members.person_id
                and assignments.campaign_id = members.campaign_id
                and assignments.is_held_out
        )
    ) as is_holdout_unmarked,
    exists(
        select 1
        from refusals
        where
            refusals.user_id = members.user_id
            and refusals.channel = members.channel
    ) as is_opted_out,
    not exists (
        select 1
        from marts.fct_lapse_episodes as episodes
        where
            episodes.user_id = members.user_id
            and episodes.line_id = members.line_id
            and episodes.last_key_date = members.last_key_date
            and episodes.is_open
    ) as has_returned,
    exists(
        select 1
        from audiences.aud_recall_exclusions as exclusions
        where
            exclusions.campaign_id = members.campaign_id
            and exclusions.step_number = members.step_number
            and exclusions.selected_date = members.selected_date
            and exclusions.user_id = members.user_id
            and exclusions.line_id = members.line_id
            and exclusions.episode_number = members.episode_number
    ) as is_excluded,
    exists(
        select 1
        from ledger.sends
        where
            sends.campaign_id = members.campaign_id
            and sends.step_number = members.step_number
            and sends.person_id = members.person_id
            and sends.selected_date > members.last_key_date
            and sends.selected_date < members.selected_date
            and sends.state in ('claimed', 'sent', 'unknown')
    ) as was_sent
from members
