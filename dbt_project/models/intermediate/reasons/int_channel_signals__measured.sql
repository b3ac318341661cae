-- One row per profiled episode and signal of the channel that won the user: how its users stay, as known when the
-- month of the lapse began.
{{ config(post_hook='{{ analyze(this) }}') }}

with

episodes as (

    select
        user_id,
        line_id,
        last_key_date,
        acquisition_channel,
        {{ month_start('lapsed_date') }} as month
    from {{ ref('int_episodes__profiled') }}

),

channels as (

    select
        acquisition_channel,
        month,
        user_count,
        retention_rate,
        all_retention_rate,
        retention_ratio
    from {{ ref('int_channel_retention__delta') }}

)

select
    episodes.user_id,
    episodes.line_id,
    episodes.last_key_date,
    'channel_retention_ratio' as signal_code,
    channels.retention_ratio as signal_value,
    {{ json_text('acquisition_channel', 'episodes.acquisition_channel') }}
    || ', ' || {{ json_number('channel_retention_rate', 'channels.retention_rate') }}
    || ', ' || {{ json_number('all_retention_rate', 'channels.all_retention_rate') }} as members
from episodes
inner join channels
    on
        episodes.acquisition_channel = channels.acquisition_channel
        and episodes.month = channels.month

union all

select
    episodes.user_id,
    episodes.line_id,
    episodes.last_key_date,
    'channel_user_count' as signal_code,
    cast(channels.user_count as {{ numeric_type() }}) as signal_value,
    {{ json_number('channel_user_count', 'channels.user_count') }} as members
from episodes
inner join channels
    on
        episodes.acquisition_channel = channels.acquisition_channel
        and episodes.month = channels.month
