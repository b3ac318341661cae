-- One row per open episode that a step is due for: its layer on the as-of date.
{{ config(materialized='table', post_hook=analyze(this)) }}

with

episodes as (

    select
        user_id,
        line_id,
        last_key_date
    from {{ ref('int_candidates__due') }}
    where is_open
    group by
        user_id,
        line_id,
        last_key_date

),

-- Not those of everybody, so that a night costs what its candidates cost and not what all who lapsed would.
candidate_bands as (

    {{ bands_of_episodes('episodes') }}

),

spans as (

    {{ layer_spans('candidate_bands') }}

)

select
    user_id,
    line_id,
    episode_number,
    last_key_date,
    {{ as_of_date() }} as as_of_date,
    layer_code
from spans
where {{ is_in_span(as_of_date(), 'spans') }}
