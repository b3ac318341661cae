-- One row per touch of a campaign that was run elsewhere, up to the as-of date.
with

touches as (

    select
        touches.touch_id,
        touches.user_id,
        touches.touched_at,
        touches.campaign_id,
        touches.arm_code,
        touches.is_control,
        touches.channel,
        touches.unit_cost
    from
        {{ visible_rows(
            'touches',
            ['touch_id'],
            ['user_id', 'touched_at', 'campaign_id', 'arm_code', 'is_control', 'channel', 'unit_cost'],
        ) }} as touches

),

user_merges as (

    select
        user_id,
        merged_into
    from {{ ref('stg_landing__user_merges') }}

),

final as (

    select
        touches.touch_id,
        coalesce(user_merges.merged_into, touches.user_id) as user_id,
        touches.user_id as source_user_id,
        touches.touched_at,
        {{ business_date('touches.touched_at') }} as touched_date,
        touches.campaign_id,
        touches.arm_code,
        touches.is_control,
        touches.channel,
        touches.unit_cost
    from touches
    left join user_merges
        on touches.user_id = user_merges.user_id
    where
        {{ business_date('touches.touched_at') }} <= {{ as_of_date() }}
        and {{ is_known_user('touches.user_id') }}

)

select
    touch_id,
    user_id,
    source_user_id,
    touched_at,
    touched_date,
    campaign_id,
    arm_code,
    is_control,
    channel,
    unit_cost
from final
