-- One row per changed customer, line, month with a key day from the month before the first changed day on, and side:
-- tonight's (weight 1) or yesterday's (weight -1), with the months of activity beside it.
{{ config(materialized='ephemeral') }}

with

lines as (

    select
        line_id,
        frequency_class
    from {{ ref('int_lines__delta') }}
    where not is_reserved

),

changed_users as (

    select
        user_id,
        replace_from_date
    from {{ ref('int_users__changed') }}
    where replace_from_date is not null

),

-- Tonight's side: the key days as they are, from the month before the first changed day on.
key_days_tonight as (

    select
        key_days.user_id,
        key_days.line_id,
        key_days.key_date,
        customer_lines.first_order_date,
        changed_users.replace_from_date,
        1 as weight
    from {{ ref('int_key_days__changed') }} as key_days
    inner join {{ ref('int_customer_lines__delta') }} as customer_lines
        on
            key_days.user_id = customer_lines.user_id
            and key_days.line_id = customer_lines.line_id
    inner join changed_users
        on
            key_days.user_id = changed_users.user_id
            and {{ previous_month(month_start('changed_users.replace_from_date')) }} <= key_days.key_date

),

-- Yesterday's side: those before the first changed day, which stand, and the key days among the replaced ones. Where
-- the days before were not read again their last key day tells the month in which the customer was there for the last
-- time.
key_days_before as (

    select
        user_id,
        line_id,
        key_date,
        first_order_date,
        replace_from_date,
        -1 as weight
    from key_days_tonight
    where key_date < replace_from_date

    union all

    select
        replaced_days.user_id,
        replaced_days.line_id,
        replaced_days.activity_date as key_date,
        customer_lines.first_order_date,
        changed_users.replace_from_date,
        -1 as weight
    from {{ ref('int_user_days__replaced') }} as replaced_days
    inner join lines
        on replaced_days.line_id = lines.line_id
    inner join {{ yesterday('int_customer_lines') }} as customer_lines
        on
            replaced_days.user_id = customer_lines.user_id
            and replaced_days.line_id = customer_lines.line_id
            and replaced_days.activity_date >= customer_lines.first_order_date
    inner join changed_users
        on replaced_days.user_id = changed_users.user_id
    where {{ is_key_day('lines.frequency_class', 'replaced_days.visit_count', 'replaced_days.order_count') }}

),

key_days as (

    select
        user_id,
        line_id,
        key_date,
        first_order_date,
        replace_from_date,
        weight
    from key_days_tonight

    union all

    select
        user_id,
        line_id,
        key_date,
        first_order_date,
        replace_from_date,
        weight
    from key_days_before

),

key_months as (

    select
        user_id,
        line_id,
        weight,
        {{ month_start('key_date') }} as month,
        -- The first order always is the first key day.
        min({{ month_start('first_order_date') }}) as first_month,
        min(replace_from_date) as replace_from_date
    from key_days
    group by
        user_id,
        line_id,
        weight,
        {{ month_start('key_date') }}

),

neighboured_months as (

    select
        user_id,
        line_id,
        weight,
        month,
        first_month,
        replace_from_date,
        lag(month) over (partition by user_id, line_id, weight order by month) as month_before,
        lead(month) over (partition by user_id, line_id, weight order by month) as month_after
    from key_months

),

final as (

    select
        user_id,
        line_id,
        weight,
        month,
        -- Of the month before the first changed day nothing changed but who is lost after it.
        (month >= {{ month_start('replace_from_date') }}) as is_changed,
        (month = first_month) as is_new,
        coalesce(month_before = {{ previous_month('month') }}, false)
            as is_retained,
        not coalesce(month_after = {{ next_month('month') }}, false)
            as is_lost_after
    from neighboured_months

)

select
    user_id,
    line_id,
    weight,
    month,
    is_changed,
    is_new,
    is_retained,
    is_lost_after
from final
