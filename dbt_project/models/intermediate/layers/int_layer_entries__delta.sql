-- One row per line, dimension, code and day on which, as known tonight, episodes first came into the code: how many
-- did, and how many of them returned within the dated days from there.
{{ config(post_hook='{{ analyze(this) }}') }}

with

changes as (

    select
        entries.line_id,
        entries.dimension_code,
        entries.layer_code,
        entries.entered_date,
        entries.weight as episode_count,
        case
            when {{ days_between('entries.entered_date', 'entries.returned_date') }} <= layer_rules.return_days
                then entries.weight
            else 0
        end as returned_count
    from {{ ref('int_layer_entries__found') }} as entries
    cross join ({{ layer_rules_in_force() }}) as layer_rules

    union all

    select
        entries.line_id,
        entries.dimension_code,
        entries.layer_code,
        entries.entered_date,
        entries.episode_count,
        entries.returned_count
    from {{ yesterday('int_layer_entries') }} as entries

)

select
    line_id,
    dimension_code,
    layer_code,
    entered_date,
    cast(sum(episode_count) as integer) as episode_count,
    cast(sum(returned_count) as integer) as returned_count
from changes
group by
    line_id,
    dimension_code,
    layer_code,
    entered_date
having sum(episode_count) > 0
