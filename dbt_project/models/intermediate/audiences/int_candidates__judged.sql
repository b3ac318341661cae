-- One row per candidate: the first reason that keeps it out by itself or beside other campaigns; none if it remains.
{{ config(materialized='table', post_hook=analyze(this)) }}

with

candidates as (

    select
        candidate_number,
        campaign_id,
        priority,
        cool_down_days,
        step_number,
        last_key_date,
        person_id,
        contact_id,
        reason_code
    from {{ ref('int_candidates__chosen') }}

),

persons as (

    select person_id
    from candidates
    group by person_id

),

contacts as (

    select contact_id
    from candidates
    where contact_id is not null
    group by contact_id

),

-- Earlier means selected for an earlier day, so the same night again finds what it found the first time.
person_touches as (

    select
        sends.campaign_id,
        sends.step_number,
        sends.person_id,
        sends.selected_date
    from {{ source('ledger', 'sends') }} as sends
    inner join persons
        on sends.person_id = persons.person_id
    where
        sends.selected_date < {{ selected_date() }}
        and {{ counts_as_sent('sends') }}

    union all

    select
        entries.campaign_id,
        entries.step_number,
        entries.person_id,
        entries.selected_date
    from {{ source('ledger', 'entries') }} as entries
    inner join persons
        on entries.person_id = persons.person_id
    where
        entries.selected_date < {{ selected_date() }}
        and entries.is_held_out

),

step_touches as (

    select
        campaign_id,
        step_number,
        person_id,
        max(selected_date) as last_selected_date
    from person_touches
    group by
        campaign_id,
        step_number,
        person_id

),

contact_touches as (

    select
        sends.campaign_id,
        sends.step_number,
        sends.contact_id,
        max(sends.selected_date) as last_selected_date
    from {{ source('ledger', 'sends') }} as sends
    inner join contacts
        on sends.contact_id = contacts.contact_id
    where
        sends.selected_date < {{ selected_date() }}
        and {{ counts_as_sent('sends') }}
    group by
        sends.campaign_id,
        sends.step_number,
        sends.contact_id

),

-- Touches of an earlier lapse: those before the key day from which this episode counts.
earlier_lapses as (

    select
        candidates.campaign_id,
        candidates.person_id,
        candidates.last_key_date,
        max(person_touches.selected_date) as last_selected_date
    from candidates
    inner join person_touches
        on
            candidates.campaign_id = person_touches.campaign_id
            and candidates.person_id = person_touches.person_id
            and candidates.last_key_date >= person_touches.selected_date
    group by
        candidates.campaign_id,
        candidates.person_id,
        candidates.last_key_date

),

checked as (

    select
        candidates.candidate_number,
        candidates.campaign_id,
        candidates.priority,
        candidates.person_id,
        candidates.reason_code as early_reason_code,
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

)

select
    checked.candidate_number,
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
