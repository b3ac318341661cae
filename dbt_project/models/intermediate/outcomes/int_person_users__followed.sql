-- One row per user through whom a person of our own campaigns acts; merged users act as the one that stays.
{{ config(materialized='table') }}

with

persons as (

    select
        user_id,
        person_id,
        first_assigned_at
    from {{ source('ledger', 'persons') }}
    where {{ business_date('first_assigned_at') }} <= {{ as_of_date() }}

),

user_merges as (

    select
        user_id,
        merged_into
    from {{ ref('stg_landing__user_merges') }}

),

-- Where two persons came to act as one user, it stays with the person that it had, else with the one assigned first.
ranked_users as (

    select
        coalesce(user_merges.merged_into, persons.user_id) as user_id,
        persons.person_id,
        row_number() over (
            partition by coalesce(user_merges.merged_into, persons.user_id)
            order by
                case when user_merges.user_id is null then 0 else 1 end,
                persons.first_assigned_at,
                persons.person_id,
                persons.user_id
        ) as person_rank
    from persons
    left join user_merges
        on persons.user_id = user_merges.user_id

)

select
    user_id,
    person_id
from ranked_users
where person_rank = 1
