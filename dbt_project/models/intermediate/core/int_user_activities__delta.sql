-- One row per changed user who ever did anything: the last days of it.
-- depends_on: {{ ref('int_users__changed') }}, {{ ref('int_users__reread') }}
{{ config(post_hook='{{ analyze(this) }}') }}

with

last_days as (

    select
        user_id,
        activity_date as last_active_date,
        case when visit_count > 0 or order_count > 0 then activity_date end as last_interaction_date
    from {{ ref('int_user_days__tonight') }}
    where line_id = 'any'
    {%- if not is_full_rebuild() %}

        union all

        select
            user_id,
            last_active_date,
            last_interaction_date
        from
            {{ standing_rows('int_user_activities', ['user_id', 'last_active_date', 'last_interaction_date']) }}
                as standing_activities
    {%- endif %}

)

select
    user_id,
    max(last_active_date) as last_active_date,
    max(last_interaction_date) as last_interaction_date
from last_days
group by user_id
