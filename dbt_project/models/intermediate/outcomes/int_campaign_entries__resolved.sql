-- One row per campaign and person: the first entry, from imported touches or from our own assignments.
{{ config(materialized='table') }}

with

assignments as (

    select
        campaign_id,
        campaign_version,
        person_id,
        arm_code,
        variant_code,
        is_held_out,
        assigned_date
    from {{ source('ledger', 'assignments') }}
    where assigned_date <= {{ as_of_date() }}

),

-- The user through whom the person came in; of two steps on the first day the lower one.
first_users as (

    select
        campaign_id,
        person_id,
        user_id,
        row_number() over (
            partition by campaign_id, person_id
            order by selected_date, step_number
        ) as entry_number
    from {{ source('ledger', 'entries') }}

),

arms as (

    select
        campaign_id,
        campaign_version,
        arm_code,
        channel,
        offer_code
    from {{ source('definitions', 'campaign_arms') }}

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
    where
        not exists (
            select 1
            from assignments
            where assignments.campaign_id = touches.campaign_id
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
        touched_at as assigned_at,
        touched_date as assigned_date,
        true as is_imported
    from numbered_touches
    where touch_number = 1

    union all

    select
        assignments.campaign_id,
        assignments.person_id,
        coalesce(first_users.user_id, assignments.person_id) as user_id,
        assignments.arm_code,
        assignments.variant_code,
        assignments.is_held_out as is_control,
        arms.channel,
        arms.offer_code,
        {{ business_day_start('assignments.assigned_date') }} as assigned_at,
        assignments.assigned_date,
        false as is_imported
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
            and first_users.entry_number = 1

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
    assigned_at,
    assigned_date,
    is_imported
from final
