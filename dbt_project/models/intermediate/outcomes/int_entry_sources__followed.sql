-- One row per user_id of delivered rows that stands for a user of a followed entry, and the days that are looked at.
{{ config(materialized='table', post_hook='{{ analyze(this) }}') }}

with

entry_users as (

    select
        user_id,
        min(assigned_date) as from_date,
        max(end_date) as end_date
    from {{ ref('int_entry_users__followed') }}
    group by user_id

),

user_merges as (

    select
        user_id,
        merged_into
    from {{ ref('stg_landing__user_merges') }}

)

select
    user_id as source_user_id,
    from_date,
    end_date
from entry_users

union all

select
    user_merges.user_id as source_user_id,
    entry_users.from_date,
    entry_users.end_date
from entry_users
inner join user_merges
    on entry_users.user_id = user_merges.merged_into
