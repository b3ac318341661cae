-- One row per user who is a candidate tonight, was merged into one or shares a contact point with one: the person.
-- A stored person stands for ever. A user who is new joins the person stored first in the group; a group without a
-- stored person is named after its first user: the earliest first order date, users without an order last, then the
-- smallest id.
{{ config(materialized='table', post_hook=analyze(this)) }}

with

candidates as (

    select user_id
    from {{ ref('int_candidates__due') }}
    group by user_id

),

person_groups as (

    select
        user_id,
        group_id
    from {{ source('pii', 'person_groups') }}

),

stored_persons as (

    select
        user_id,
        person_id,
        first_assigned_at
    from {{ source('ledger', 'persons') }}

),

customer_lines as (

    select
        user_id,
        first_order_date
    from {{ ref('int_customer_lines') }}

),

user_merges as (

    select
        user_id,
        merged_into
    from {{ ref('stg_landing__user_merges') }}

),

candidate_groups as (

    select person_groups.group_id
    from candidates
    inner join person_groups
        on candidates.user_id = person_groups.user_id
    group by person_groups.group_id

),

grouped_users as (

    select
        person_groups.user_id,
        person_groups.group_id
    from person_groups
    inner join candidate_groups
        on person_groups.group_id = candidate_groups.group_id

),

standing_users as (

    select
        user_id,
        group_id
    from grouped_users

    union all

    select
        candidates.user_id,
        candidates.user_id as group_id
    from candidates
    left join person_groups
        on candidates.user_id = person_groups.user_id
    where person_groups.user_id is null

),

-- Whoever was merged into a user is that user, so what was sent before the merge counts after it.
merged_users as (

    select
        user_merges.user_id,
        standing_users.group_id
    from user_merges
    inner join standing_users
        on user_merges.merged_into = standing_users.user_id
    left join standing_users as already_standing
        on user_merges.user_id = already_standing.user_id
    where already_standing.user_id is null

),

users as (

    select
        user_id,
        group_id
    from standing_users

    union all

    select
        user_id,
        group_id
    from merged_users

),

first_orders as (

    select
        customer_lines.user_id,
        min(customer_lines.first_order_date) as first_order_date
    from customer_lines
    inner join users
        on customer_lines.user_id = users.user_id
    group by customer_lines.user_id

),

ranked_users as (

    select
        users.user_id,
        users.group_id,
        stored_persons.person_id as stored_person_id,
        row_number() over (
            partition by users.group_id
            order by
                case when stored_persons.person_id is null then 1 else 0 end,
                stored_persons.first_assigned_at,
                stored_persons.person_id,
                case when first_orders.first_order_date is null then 1 else 0 end,
                first_orders.first_order_date,
                users.user_id
        ) as user_rank
    from users
    left join stored_persons
        on users.user_id = stored_persons.user_id
    left join first_orders
        on users.user_id = first_orders.user_id

),

first_users as (

    select
        group_id,
        coalesce(stored_person_id, user_id) as person_id
    from ranked_users
    where user_rank = 1

),

final as (

    select
        ranked_users.user_id,
        coalesce(ranked_users.stored_person_id, first_users.person_id) as person_id
    from ranked_users
    inner join first_users
        on ranked_users.group_id = first_users.group_id

)

select
    user_id,
    person_id
from final
