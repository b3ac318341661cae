-- One row per open episode of a changed user that was open before, and up to whose lapse nothing is new tonight.
{{ config(post_hook='{{ analyze(this) }}') }}

with

changed_users as (

    select
        user_id,
        replace_from_date
    from {{ ref('int_users__changed') }}

),

open_episodes as (

    select
        user_id,
        line_id,
        last_key_date,
        lapsed_date
    from {{ ref('int_lapse_episodes__delta') }}
    where is_open

)

select
    personas.user_id,
    personas.line_id,
    personas.last_key_date,
    personas.main_visit_channel
from {{ yesterday('fct_churned_personas') }} as personas
inner join changed_users
    on personas.user_id = changed_users.user_id
inner join open_episodes
    on
        personas.user_id = open_episodes.user_id
        and personas.line_id = open_episodes.line_id
        and personas.last_key_date = open_episodes.last_key_date
where
    changed_users.replace_from_date is null
    or changed_users.replace_from_date > open_episodes.lapsed_date
