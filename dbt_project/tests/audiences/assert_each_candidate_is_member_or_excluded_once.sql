-- Guards against joins that lose or repeat a candidate: whoever is due stands in exactly one of the two audiences.
with

due as (

    select
        campaign_id,
        step_number,
        user_id,
        line_id,
        episode_number
    from {{ ref('int_candidates__due') }}

),

decided as (

    select
        campaign_id,
        step_number,
        user_id,
        line_id,
        episode_number
    from {{ ref('int_recall_members__delta') }}

    union all

    select
        campaign_id,
        step_number,
        user_id,
        line_id,
        episode_number
    from {{ ref('int_recall_exclusions__delta') }}

),

counted as (

    select
        campaign_id,
        step_number,
        user_id,
        line_id,
        episode_number,
        sum(due_count) as due_count,
        sum(decided_count) as decided_count
    from (
        select
            campaign_id,
            step_number,
            user_id,
            line_id,
            episode_number,
            1 as due_count,
            0 as decided_count
        from due

        union all

        select
            campaign_id,
            step_number,
            user_id,
            line_id,
            episode_number,
            0 as due_count,
            1 as decided_count
        from decided
    ) as both_sides
    group by
        campaign_id,
        step_number,
        user_id,
        line_id,
        episode_number

)

select
    campaign_id,
    step_number,
    user_id,
    line_id,
    episode_number,
    due_count,
    decided_count
from counted
where
    due_count <> 1
    or decided_count <> 1
