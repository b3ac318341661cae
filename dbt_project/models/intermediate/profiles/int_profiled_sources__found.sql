-- One row per user_id of delivered rows that stands for a user with an episode that is profiled tonight.
{{ config(post_hook='{{ analyze(this) }}') }}

with

lapsed_users as (

    select user_id
    from {{ ref('int_episodes__profiled') }}
    group by user_id

),

user_merges as (

    select
        user_id,
        merged_into
    from {{ ref('stg_landing__user_merges') }}

)

select
    user_id,
    user_id as source_user_id
from lapsed_users

union all

select
    user_merges.merged_into as user_id,
    user_merges.user_id as source_user_id
from user_merges
inner join lapsed_users
    on user_merges.merged_into = lapsed_users.user_id
