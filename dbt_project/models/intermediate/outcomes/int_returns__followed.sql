-- One row per campaign and person who returned within the campaign's window: what the lifetime that began then brought.
{{ config(materialized='table') }}

with

returns as (

    select
        campaign_id,
        person_id,
        user_id,
        line_id,
        case when is_control then 'control' else arm_code end as arm_code,
        case when is_control then 'none' else coalesce(offer_code, 'unknown') end as offer_code,
        coalesce(reason_code, 'unknown') as reason_code,
        returned_date,
        relapse_key_date
    from {{ ref('int_recalled_users__active') }}
    where
        is_campaign_window
        and is_returned

),

lines as (

    select
        line_id,
        lapse_days
    from {{ ref('dim_lines') }}

),

customer_lines as (

    select
        user_id,
        line_id,
        first_order_date
    from {{ ref('int_customer_lines') }}

),

first_lapses as (

    select
        user_id,
        line_id,
        last_key_date
    from {{ ref('fct_lapse_episodes') }}
    where episode_number = 1

)

select
    returns.campaign_id,
    returns.person_id,
    returns.user_id,
    returns.line_id,
    returns.arm_code,
    returns.offer_code,
    returns.reason_code,
    returns.returned_date,
    returns.relapse_key_date,
    {{ days_between('returns.returned_date', 'returns.relapse_key_date') }} as relapse_days,
    -- Whether somebody lapsed after n days is known when the line's limit has passed as well.
    {{ days_between('returns.returned_date', as_of_date()) }} - lines.lapse_days as known_days,
    customer_lines.first_order_date,
    first_lapses.last_key_date as first_last_key_date
from returns
inner join lines
    on returns.line_id = lines.line_id
left join customer_lines
    on
        returns.user_id = customer_lines.user_id
        and returns.line_id = customer_lines.line_id
left join first_lapses
    on
        returns.user_id = first_lapses.user_id
        and returns.line_id = first_lapses.line_id
