-- One row per user and day on which a campaign touched the user, ours or an imported one, up to D.
{{ config(materialized='ephemeral') }}

with

own_sends as (

    select
        user_id,
        selected_date as touched_date
    from {{ source('ledger', 'sends') }}
    where
        -- Who may have heard counts as touched.
        state in ('claimed', 'sent', 'unknown')
        and selected_date <= {{ as_of_date() }}

),

imported_touches as (

    select
        user_id,
        touched_date
    from {{ ref('stg_landing__touches') }}
    where not is_control

),

touches as (

    select
        user_id,
        touched_date
    from own_sends

    union all

    select
        user_id,
        touched_date
    from imported_touches

)

select
    user_id,
    touched_date
from touches
group by
    user_id,
    touched_date
