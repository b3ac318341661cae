-- One row per user, line and day with activity of the lines in which an episode is profiled tonight, as fct_user_days
-- will have them.
-- depends_on: {{ ref('int_episodes__anew') }}, {{ ref('int_episodes__profiled') }}
-- depends_on: {{ ref('int_user_days__lapsed') }}, {{ ref('int_user_days__tonight') }}
{{ config(materialized='ephemeral') }}

{% if is_full_rebuild() -%}
    select
        user_id,
        line_id,
        activity_date,
        visit_count,
        order_count,
        net_amount
    from {{ ref('int_user_days__tonight') }}
{%- else -%}
    with

    -- Lines of which the profiled episodes stand or go on, and with them the days up to their lapses.
    standing_lines as (

        select
            profiled_episodes.user_id,
            profiled_episodes.line_id
        from {{ ref('int_episodes__profiled') }} as profiled_episodes
        left join {{ ref('int_episodes__anew') }} as episodes
            on
                profiled_episodes.user_id = episodes.user_id
                and profiled_episodes.line_id = episodes.line_id
        where episodes.user_id is null
        group by
            profiled_episodes.user_id,
            profiled_episodes.line_id

    )

    select
        user_id,
        line_id,
        activity_date,
        visit_count,
        order_count,
        net_amount
    from {{ ref('int_user_days__lapsed') }}

    union all

    select
        user_days.user_id,
        user_days.line_id,
        user_days.activity_date,
        user_days.visit_count,
        user_days.order_count,
        user_days.net_amount
    from standing_lines
    inner join {{ yesterday('fct_user_days') }} as user_days
        on
            standing_lines.user_id = user_days.user_id
            and standing_lines.line_id = user_days.line_id
{%- endif %}
