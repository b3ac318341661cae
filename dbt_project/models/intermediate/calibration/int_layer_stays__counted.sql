-- One row per line, layer, range of quiet days in it, and length and end of the gap: how many episodes there are.
{{ config(post_hook='{{ analyze(this) }}') }}

with

episodes as (

    select
        user_id,
        line_id,
        episode_number,
        last_key_date,
        coalesce(returned_date, {{ as_of_date() }}) as end_date,
        (returned_date is not null) as is_returned
    from {{ ref('fct_lapse_episodes') }}

),

touches as (

    select
        user_id,
        touched_date
    from {{ ref('int_touches__dated') }}

),

first_touches as (

    select
        episodes.user_id,
        episodes.line_id,
        episodes.episode_number,
        min(touches.touched_date) as touched_date
    from episodes
    inner join touches
        on
            episodes.user_id = touches.user_id
            and episodes.last_key_date < touches.touched_date
            and episodes.end_date >= touches.touched_date
    group by
        episodes.user_id,
        episodes.line_id,
        episodes.episode_number

),

measured_episodes as (

    select
        episodes.user_id,
        episodes.line_id,
        episodes.episode_number,
        episodes.last_key_date,
        {{ days_between('episodes.last_key_date', 'episodes.end_date') }} as quiet_days,
        episodes.is_returned,
        {{ untouched_quiet_days(
            'episodes.last_key_date', 'episodes.end_date', 'first_touches.touched_date'
        ) }} as untouched_quiet_days,
        (episodes.is_returned and first_touches.touched_date is null) as is_returned_untouched
    from episodes
    left join first_touches
        on
            episodes.user_id = first_touches.user_id
            and episodes.line_id = first_touches.line_id
            and episodes.episode_number = first_touches.episode_number

),

spans as (

    select
        user_id,
        line_id,
        episode_number,
        valid_from,
        least(coalesce(valid_to, {{ add_days(as_of_date(), 1) }}), {{ add_days(as_of_date(), 1) }}) as valid_to,
        layer_code
    from {{ ref('int_layer_spans') }}
    where valid_from <= {{ as_of_date() }}

),

final as (

    select
        episodes.line_id,
        spans.layer_code,
        {{ days_between('episodes.last_key_date', 'spans.valid_from') }} as from_days,
        {{ days_between('episodes.last_key_date', 'spans.valid_to') }} as to_days,
        episodes.quiet_days,
        episodes.is_returned,
        episodes.untouched_quiet_days,
        episodes.is_returned_untouched
    from spans
    inner join measured_episodes as episodes
        on
            spans.user_id = episodes.user_id
            and spans.line_id = episodes.line_id
            and spans.episode_number = episodes.episode_number

)

select
    line_id,
    layer_code,
    from_days,
    to_days,
    quiet_days,
    is_returned,
    untouched_quiet_days,
    is_returned_untouched,
    count(*) as stay_count
from final
group by
    line_id,
    layer_code,
    from_days,
    to_days,
    quiet_days,
    is_returned,
    untouched_quiet_days,
    is_returned_untouched
