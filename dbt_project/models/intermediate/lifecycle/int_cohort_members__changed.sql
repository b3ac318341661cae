-- One row per changed user, cohort and side whose part in the cohort's sums may differ: tonight's (weight 1) or
-- yesterday's (weight -1).
-- depends_on: {{ ref('int_users__reread') }}
{{ config(post_hook='{{ analyze(this) }}') }}

with

changed_users as (

    select
        user_id,
        replace_from_date
    from {{ ref('int_users__changed') }}

),

-- How long after its first day a member can still change a sum.
horizons as (

    select max(horizon_days) as horizon_days
    from (
        select day_number as horizon_days
        from {{ ref('int_retention_days__delta') }}

        union all

        select window_days as horizon_days
        from ({{ outcome_windows_in_force() }}) as outcome_windows

        union all

        select {{ balance_retention_day() }} as horizon_days
    ) as horizons

),

users as (

    select
        user_id,
        registered_date,
        {{ cohort_channel('acquisition_channel') }} as acquisition_channel,
        1 as weight
    from {{ ref('int_users__delta') }}

    union all

    select
        users.user_id,
        users.registered_date,
        {{ cohort_channel('users.acquisition_channel') }} as acquisition_channel,
        -1 as weight
    from {{ yesterday('dim_users') }} as users
    inner join changed_users
        on users.user_id = changed_users.user_id

),

customer_lines as (

    select
        user_id,
        line_id,
        first_order_date,
        1 as weight
    from {{ ref('int_customer_lines__delta') }}

    union all

    select
        customer_lines.user_id,
        customer_lines.line_id,
        customer_lines.first_order_date,
        -1 as weight
    from {{ yesterday('int_customer_lines') }} as customer_lines
    inner join changed_users
        on customer_lines.user_id = changed_users.user_id

),

-- The first order always is the first key day.
cohorts as (

    select
        user_id,
        'first_key_day' as cohort_type,
        line_id,
        first_order_date as cohort_date,
        weight
    from customer_lines

    union all

    select
        user_id,
        'first_order' as cohort_type,
        'any' as line_id,
        min(first_order_date) as cohort_date,
        weight
    from customer_lines
    group by
        user_id,
        weight

    union all

    select
        user_id,
        'registration' as cohort_type,
        'any' as line_id,
        registered_date as cohort_date,
        weight
    from users
    where registered_date is not null

),

members as (

    select
        cohorts.user_id,
        cohorts.cohort_type,
        cohorts.line_id,
        cohorts.cohort_date,
        users.acquisition_channel,
        cohorts.weight,
        changed_users.replace_from_date,
        {{ add_days('cohorts.cohort_date', 'horizons.horizon_days') }} as followed_until_date
    from cohorts
    inner join users
        on
            cohorts.user_id = users.user_id
            and cohorts.weight = users.weight
    inner join changed_users
        on cohorts.user_id = changed_users.user_id
    cross join horizons
    {%- if not is_full_rebuild() %}
    -- Whoever is not read again is in the same cohorts as before: what is over for them stands.
        left join {{ ref('int_users__reread') }} as reread_users
            on cohorts.user_id = reread_users.user_id
        where
            reread_users.user_id is not null
            or {{ add_days('cohorts.cohort_date', 'horizons.horizon_days') }} >= changed_users.replace_from_date
    {%- endif %}

)

{% if is_full_rebuild() -%}
    select
        user_id,
        cohort_type,
        line_id,
        cohort_date,
        acquisition_channel,
        weight,
        replace_from_date,
        followed_until_date,
        cohort_date as counted_from_date
    from members
{%- else -%}
    select
        members.user_id,
        members.cohort_type,
        members.line_id,
        members.cohort_date,
        members.acquisition_channel,
        members.weight,
        members.replace_from_date,
        members.followed_until_date,
        -- Of who is a member on both sides the days before the first changed one cancel out.
        case
            when other_sides.user_id is null then members.cohort_date
            else greatest(members.cohort_date, members.replace_from_date)
        end as counted_from_date
    from members
    left join members as other_sides
        on
            members.user_id = other_sides.user_id
            and members.cohort_type = other_sides.cohort_type
            and members.line_id = other_sides.line_id
            and members.cohort_date = other_sides.cohort_date
            and members.acquisition_channel = other_sides.acquisition_channel
            and members.weight = -other_sides.weight
    where
        other_sides.user_id is null
        or members.followed_until_date >= members.replace_from_date
{%- endif %}
