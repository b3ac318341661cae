-- Every day of an episode lies in exactly one band: the first begins at the lapse, each next one where the last
-- ended, and the last ends with the return.
with

bands as (

    select
        user_id,
        line_id,
        last_key_date,
        valid_from,
        valid_to,
        lag(valid_to) over (
            partition by user_id, line_id, last_key_date
            order by valid_from
        ) as previous_valid_to,
        row_number() over (
            partition by user_id, line_id, last_key_date
            order by valid_from
        ) as band_number,
        row_number() over (
            partition by user_id, line_id, last_key_date
            order by valid_from desc
        ) as number_from_the_end
    from {{ ref('int_layer_bands__moved') }}

),

episodes as (

    select
        episodes.user_id,
        episodes.line_id,
        episodes.last_key_date,
        episodes.lapsed_date,
        episodes.returned_date
    from {{ ref('int_lapse_episodes__delta') }} as episodes
    left join {{ ref('int_episodes__continued') }} as continued_episodes
        on
            episodes.user_id = continued_episodes.user_id
            and episodes.line_id = continued_episodes.line_id
            and episodes.last_key_date = continued_episodes.last_key_date
    where
        continued_episodes.user_id is null
        or continued_episodes.moved_from_date is not null

)

select
    episodes.user_id,
    episodes.line_id,
    episodes.last_key_date,
    bands.valid_from
from episodes
full join bands
    on
        episodes.user_id = bands.user_id
        and episodes.line_id = bands.line_id
        and episodes.last_key_date = bands.last_key_date
where
    episodes.user_id is null
    or bands.user_id is null
    or bands.valid_from is distinct from
    case when bands.band_number = 1 then episodes.lapsed_date else bands.previous_valid_to end
    or (bands.number_from_the_end = 1 and bands.valid_to is distinct from episodes.returned_date)
