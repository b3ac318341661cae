-- One row per candidate that nothing else keeps out: whether its person's step takes another episode, and whether the
-- person's other steps of tonight leave it a message.
{{ config(materialized='table', post_hook=analyze(this)) }}

with

candidates as (

    select
        chosen.candidate_number,
        chosen.campaign_id,
        chosen.campaign_version,
        chosen.step_number,
        chosen.user_id,
        chosen.line_id,
        chosen.last_key_date,
        chosen.lapsed_date,
        chosen.person_id,
        chosen.channel,
        chosen.contact_id,
        chosen.expected_profit_amount
    from {{ ref('int_candidates__chosen') }} as chosen
    inner join {{ ref('int_candidates__judged') }} as judged
        on chosen.candidate_number = judged.candidate_number
    where judged.reason_code is null

),

-- Of a person's episodes a step takes the one of the highest expected profit; where nobody knows it, the later lapse.
ranked_episodes as (

    select
        candidate_number,
        row_number() over (
            partition by campaign_id, step_number, person_id
            order by
                case when expected_profit_amount is null then 1 else 0 end,
                expected_profit_amount desc,
                lapsed_date desc,
                line_id,
                last_key_date desc,
                user_id
        ) as episode_rank
    from candidates

),

-- Persons are never merged, so two of them may have come to share a contact point; it still gets one message.
ranked_contacts as (

    select
        candidates.candidate_number,
        row_number() over (
            partition by candidates.campaign_id, candidates.step_number, candidates.channel, candidates.contact_id
            order by candidates.person_id
        ) as contact_rank
    from candidates
    inner join ranked_episodes
        on candidates.candidate_number = ranked_episodes.candidate_number
    where ranked_episodes.episode_rank = 1

),

-- One campaign takes a person tonight, but several of its steps may be due.
ranked_steps as (

    select
        candidates.candidate_number,
        candidates.campaign_id,
        candidates.campaign_version,
        candidates.person_id,
        candidates.contact_id,
        candidates.channel,
        row_number() over (
            partition by candidates.person_id
            order by
                case when candidates.expected_profit_amount is null then 1 else 0 end,
                candidates.expected_profit_amount desc,
                candidates.step_number
        ) as step_rank,
        row_number() over (
            partition by candidates.person_id, candidates.channel
            order by
                case when candidates.expected_profit_amount is null then 1 else 0 end,
                candidates.expected_profit_amount desc,
                candidates.step_number
        ) as channel_step_rank
    from candidates
    inner join ranked_contacts
        on candidates.candidate_number = ranked_contacts.candidate_number
    where ranked_contacts.contact_rank = 1

),

capped_steps as (

    select ranked_steps.candidate_number
    from ranked_steps
    inner join ({{ contact_caps_of_campaigns() }}) as caps
        on
            ranked_steps.campaign_id = caps.campaign_id
            and ranked_steps.campaign_version = caps.campaign_version
            and {{ is_capped_channel('caps.channel', 'ranked_steps.channel') }}
    left join {{ ref('int_contacts__counted') }} as counted
        on
            ranked_steps.person_id = counted.person_id
            and ranked_steps.contact_id = counted.contact_id
            and caps.channel = counted.channel
            and caps.window_days = counted.window_days
    where
        coalesce(counted.message_count, 0)
        + case when caps.channel = '*' then ranked_steps.step_rank else ranked_steps.channel_step_rank end
        > caps.max_count
    group by ranked_steps.candidate_number

)

select
    candidates.candidate_number,
    case
        when ranked_steps.candidate_number is null then 'same_person'
        when capped_steps.candidate_number is not null then 'contact_cap'
    end as reason_code
from candidates
left join ranked_steps
    on candidates.candidate_number = ranked_steps.candidate_number
left join capped_steps
    on candidates.candidate_number = capped_steps.candidate_number
