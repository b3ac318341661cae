-- Between two episodes of a customer in a line lies a return; only the last one may be open.
with

episodes as (

    select
        user_id,
        line_id,
        episode_number,
        last_key_date,
        lapsed_date,
        returned_date,
        lead(last_key_date) over (partition by user_id, line_id order by episode_number) as next_last_key_date
    from {{ ref('int_lapse_episodes__delta') }}

)

select
    user_id,
    line_id,
    episode_number
from episodes
where
    lapsed_date > {{ as_of_date() }}
    or returned_date > {{ as_of_date() }}
    or returned_date <= lapsed_date
    or (next_last_key_date is not null and (returned_date is null or next_last_key_date < returned_date))
