-- One row per open episode of the users whose reasons are decided tonight and reason that speaks.
{{ config(post_hook='{{ analyze(this) }}') }}

with

open_episodes as (

    select
        user_id,
        line_id,
        episode_number,
        last_key_date,
        lapsed_date
    from {{ ref('int_episodes__profiled') }}
    where is_open

)

select
    open_episodes.user_id,
    open_episodes.line_id,
    open_episodes.episode_number,
    reasons.reason_code,
    reasons.score,
    reasons.is_primary,
    reasons.evidence,
    open_episodes.last_key_date,
    open_episodes.lapsed_date
from open_episodes
inner join {{ ref('int_churn_reasons__scored') }} as reasons
    on
        open_episodes.user_id = reasons.user_id
        and open_episodes.line_id = reasons.line_id
        and open_episodes.last_key_date = reasons.last_key_date
