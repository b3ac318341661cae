-- One row per candidate and treatment that its arm may take: how many of the waterfall's tests it passes, in their
-- order: 1 consent, 2 contact, 3 no reward for those who return for rewards only, 4 worth, 5 channel policy, 6 caps.
{{ config(materialized='table', post_hook=analyze(this)) }}

with

choices as (

    select
        candidate_number,
        choice_number,
        campaign_id,
        campaign_version,
        person_id,
        action_number,
        channel,
        offer_code,
        variant_code,
        contact_id,
        may_carry_marketing,
        has_consent
    from {{ ref('int_choices__reached') }}

),

weighed as (

    select
        candidate_number,
        choice_number,
        action_rank,
        expected_profit_amount,
        expected_cost_amount,
        is_withheld,
        worth_reason_code
    from {{ ref('int_choices__weighed') }}

),

campaigns as (

    select
        campaign_id,
        campaign_version,
        recall_regardless
    from {{ source('definitions', 'campaigns') }}
    where is_current

),

capped_choices as (

    select
        choices.candidate_number,
        choices.choice_number
    from choices
    inner join ({{ contact_caps_of_campaigns() }}) as caps
        on
            choices.campaign_id = caps.campaign_id
            and choices.campaign_version = caps.campaign_version
            and {{ is_capped_channel('caps.channel', 'choices.channel') }}
    inner join {{ ref('int_contacts__counted') }} as counted
        on
            choices.person_id = counted.person_id
            and choices.contact_id = counted.contact_id
            and caps.channel = counted.channel
            and caps.window_days = counted.window_days
    where counted.message_count >= caps.max_count
    group by
        choices.candidate_number,
        choices.choice_number

),

described as (

    select
        choices.candidate_number,
        choices.choice_number,
        choices.action_number,
        choices.channel,
        choices.offer_code,
        choices.variant_code,
        choices.contact_id,
        choices.may_carry_marketing,
        choices.has_consent,
        weighed.action_rank,
        weighed.expected_profit_amount,
        weighed.expected_cost_amount,
        weighed.is_withheld,
        weighed.worth_reason_code,
        campaigns.recall_regardless,
        (capped_choices.choice_number is not null) as is_capped,
        {{ hash_number(
            "'variant:' || choices.campaign_id || ':' || choices.person_id || ':' || choices.variant_code"
        ) }} as variant_hash,
        max(
            case
                when
                    choices.has_consent
                    and choices.contact_id is not null
                    and not weighed.is_withheld
                    and weighed.expected_profit_amount is not null
                    then 1
                else 0
            end
        ) over (partition by choices.candidate_number) as known_count
    from choices
    inner join weighed
        on
            choices.candidate_number = weighed.candidate_number
            and choices.choice_number = weighed.choice_number
    inner join campaigns
        on
            choices.campaign_id = campaigns.campaign_id
            and choices.campaign_version = campaigns.campaign_version
    left join capped_choices
        on
            choices.candidate_number = capped_choices.candidate_number
            and choices.choice_number = capped_choices.choice_number

)

select
    candidate_number,
    choice_number,
    action_number,
    channel,
    offer_code,
    variant_code,
    contact_id,
    action_rank,
    expected_profit_amount,
    expected_cost_amount,
    worth_reason_code,
    variant_hash,
    case
        when not has_consent then 0
        when contact_id is null then 1
        when is_withheld then 2
        when not recall_regardless and worth_reason_code is not null then 3
        -- What nobody knows the worth of is taken only where nothing is known.
        when not recall_regardless and expected_profit_amount is null and known_count = 1 then 3
        when not may_carry_marketing then 4
        when is_capped then 5
        else 6
    end as passed_count
from described
