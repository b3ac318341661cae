-- One row per assignment day on which an entry is followed tonight, or was until now.
{{ config(materialized='table') }}

with

followed as (

    select assigned_date
    from {{ ref('int_entries__followed') }}

),

served as (

    select recalled_users.assigned_date
    from {{ yesterday('out_recalled_users') }} as recalled_users
    inner join {{ ref('int_entries__reopened') }} as reopened
        on
            recalled_users.campaign_id = reopened.campaign_id
            and recalled_users.person_id = reopened.person_id

)

select assigned_date
from followed

union

select assigned_date
from served
