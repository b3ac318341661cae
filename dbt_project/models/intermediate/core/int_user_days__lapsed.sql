-- One row per user, line and day with activity of the lines in which an episode's bands are found anew: all days there,
-- as fct_user_days will have them.
-- depends_on: {{ ref('int_lapse_episodes__delta') }}, {{ ref('int_episodes__anew') }}, {{ ref('int_users__reread') }}
{{ config(is_view_in_rebuild=true, post_hook='{{ analyze(this) }}') }}

{% if is_full_rebuild() -%}
    select
        user_days.user_id,
        user_days.line_id,
        user_days.activity_date,
        user_days.visit_count,
        user_days.order_count,
        user_days.net_amount
    from {{ ref('int_user_days__tonight') }} as user_days
    -- The table itself: the planner knows how few rows it has.
    where exists (
            select 1
            from {{ ref('int_lapse_episodes__delta') }} as lapses
            where
                lapses.user_id = user_days.user_id
                and lapses.line_id = user_days.line_id
        )
{%- else -%}
    with

    lapsed_lines as (

        select
            user_id,
            line_id
        from {{ ref('int_episodes__anew') }}
        group by
            user_id,
            line_id

    )

    select
        user_days.user_id,
        user_days.line_id,
        user_days.activity_date,
        user_days.visit_count,
        user_days.order_count,
        user_days.net_amount
    from lapsed_lines
    inner join {{ ref('int_user_days__tonight') }} as user_days
        on
            lapsed_lines.user_id = user_days.user_id
            and lapsed_lines.line_id = user_days.line_id

    union all

    select
        user_days.user_id,
        user_days.line_id,
        user_days.activity_date,
        user_days.visit_count,
        user_days.order_count,
        user_days.net_amount
    from lapsed_lines
    inner join {{ yesterday('fct_user_days') }} as user_days
        on
            lapsed_lines.user_id = user_days.user_id
            and lapsed_lines.line_id = user_days.line_id
    left join {{ ref('int_users__reread') }} as reread_users
        on lapsed_lines.user_id = reread_users.user_id
    where reread_users.user_id is null
{%- endif %}
