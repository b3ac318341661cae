-- One row per campaign and person: the first entry, from imported touches, from our own assignments, or, in the
-- campaign of all our campaigns, from whichever of them came first.
{{ config(materialized='table') }}

with

-- The global holdout is nobody's control but that of all campaigns together.
assignments as (

    select
        campaign_id,
        campaign_version,
        person_id,
        arm_code,
        variant_code,
        is_campaign_holdout,
        assigned_date
    from {{ source('ledger', 'assignments') }}
    where
        assigned_date <= {{ as_of_date() }}
        and not is_global_holdout

),

own_campaigns as (

    select campaign_id
    from {{ source('ledger', 'assignments') }}
    where assigned_date <= {{ as_of_date() }}
    group by campaign_id

),

global_holdouts as (

    select
        person_id,
        is_global_holdout,
        drawn_date
    from {{ source('ledger', 'global_holdouts') }}
    where drawn_date <= {{ as_of_date() }}

),

-- The user through whom the person came in; of two steps on the first day the lower one.
ranked_entries as (

    select
        campaign_id,
        person_id,
        user_id,
        channel,
        offer_code,
        row_number() over (
            partition by campaign_id, person_id
            order by selected_date, step_number
        ) as campaign_rank,
        row_number() over (
            partition by person_id
            order by selected_date, campaign_id, step_number
        ) as person_rank
    from {{ source('ledger', 'entries') }}
    where selected_date <= {{ as_of_date() }}

),

user_merges as (

    select
        user_id,
        merged_into
    from {{ ref('stg_landing__user_merges') }}

),

person_users as (

    select
        user_id,
        person_id
    from {{ ref('int_person_users__followed') }}

),

first_users as (

    select
        ranked_entries.campaign_id,
        ranked_entries.person_id,
        coalesce(person_users.user_id, ranked_entries.user_id) as user_id,
        ranked_entries.channel,
        ranked_entries.offer_code,
        ranked_entries.campaign_rank,
        ranked_entries.person_rank
    from ranked_entries
    left join user_merges
        on ranked_entries.user_id = user_merges.user_id
    left join person_users
        on
            coalesce(user_merges.merged_into, ranked_entries.user_id) = person_users.user_id
            and ranked_entries.person_id = person_users.person_id
    where ranked_entries.campaign_rank = 1

),

arms as (

    select
        campaign_id,
        campaign_version,
        arm_code,
        channel,
        offer_code,
        comparison_code
    from {{ ref('int_campaign_arms__grouped') }}

),

-- A campaign of ours that a vendor reports back as touches is counted once, as we assigned it.
touches as (

    select
        touches.campaign_id,
        touches.user_id,
        touches.touched_at,
        touches.touched_date,
        touches.arm_code,
        touches.is_control,
        touches.channel,
        touches.touch_id
    from {{ ref('stg_landing__touches') }} as touches
    left join own_campaigns
        on touches.campaign_id = own_campaigns.campaign_id
    where
        own_campaigns.campaign_id is null
        and (
            touches.campaign_id <> {{ program_campaign_id() }}
            or not exists (select 1 from global_holdouts)
        )

),

sides as (

    select
        campaign_id,
        user_id,
        bool_and(is_control) as is_only_control,
        bool_or(is_control) as is_ever_control
    from touches
    group by
        campaign_id,
        user_id

),

-- Somebody touched as treated and as control says nothing about either; such users are counted with the effects.
numbered_touches as (

    select
        touches.campaign_id,
        touches.user_id,
        touches.touched_at,
        touches.touched_date,
        touches.arm_code,
        touches.is_control,
        touches.channel,
        row_number() over (
            partition by touches.campaign_id, touches.user_id
            order by touches.touched_at, touches.touch_id
        ) as touch_number
    from touches
    inner join sides
        on
            touches.campaign_id = sides.campaign_id
            and touches.user_id = sides.user_id
    where sides.is_only_control = sides.is_ever_control

),

final as (

    select
        campaign_id,
        user_id as person_id,
        user_id,
        arm_code,
        cast(null as {{ dbt.type_string() }}) as variant_code,
        is_control,
        channel,
        cast(null as {{ dbt.type_string() }}) as offer_code,
        'all' as comparison_code,
        touched_at as assigned_at,
        touched_date as assigned_date,
        'imported' as kind_code
    from numbered_touches
    where touch_number = 1

    union all

    -- An arm is compared with those held out of arms of the same treatments. Of an arm that takes what is best for a
    -- person, channel and offer are those that the first entry took, or would have taken.
    select
        assignments.campaign_id,
        assignments.person_id,
        coalesce(first_users.user_id, assignments.person_id) as user_id,
        assignments.arm_code,
        assignments.variant_code,
        assignments.is_campaign_holdout as is_control,
        coalesce(first_users.channel, arms.channel) as channel,
        coalesce(first_users.offer_code, arms.offer_code) as offer_code,
        arms.comparison_code,
        {{ business_day_start('assignments.assigned_date') }} as assigned_at,
        assignments.assigned_date,
        'own' as kind_code
    from assignments
    inner join arms
        on
            assignments.campaign_id = arms.campaign_id
            and assignments.campaign_version = arms.campaign_version
            and assignments.arm_code = arms.arm_code
    left join first_users
        on
            assignments.campaign_id = first_users.campaign_id
            and assignments.person_id = first_users.person_id

    union all

    select
        {{ program_campaign_id() }} as campaign_id,
        global_holdouts.person_id,
        coalesce(first_users.user_id, global_holdouts.person_id) as user_id,
        'all' as arm_code,
        cast(null as {{ dbt.type_string() }}) as variant_code,
        global_holdouts.is_global_holdout as is_control,
        cast(null as {{ dbt.type_string() }}) as channel,
        cast(null as {{ dbt.type_string() }}) as offer_code,
        'all' as comparison_code,
        {{ business_day_start('global_holdouts.drawn_date') }} as assigned_at,
        global_holdouts.drawn_date as assigned_date,
        'program' as kind_code
    from global_holdouts
    left join first_users
        on
            global_holdouts.person_id = first_users.person_id
            and first_users.person_rank = 1

)

select
    campaign_id,
    person_id,
    user_id,
    arm_code,
    variant_code,
    is_control,
    channel,
    offer_code,
    comparison_code,
    assigned_at,
    assigned_date,
    kind_code
from final
