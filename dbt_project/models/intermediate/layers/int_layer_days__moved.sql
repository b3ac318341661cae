-- One row per line and day up to D on which tonight's counts of layers may differ from yesterday's.
{{ config(post_hook='{{ analyze(this) }}') }}

with

moved_ranges as (

    {{ moved_ranges('int_layer_moves', code='layer_code') }}

),

-- Whether a day's layers count visits hangs on the line's first one.
line_visits as (

    select
        coalesce(line_visits.line_id, earlier_visits.line_id) as line_id,
        line_visits.first_visit_date,
        earlier_visits.first_visit_date as earlier_first_visit_date
    from {{ ref('int_line_visits__delta') }} as line_visits
    full join {{ yesterday('int_line_visits') }} as earlier_visits
        on line_visits.line_id = earlier_visits.line_id

),

ranges as (

    select
        line_id,
        from_date,
        until_date
    from moved_ranges

    union all

    {{ moved_beginnings('line_visits', 'first_visit_date', 'earlier_first_visit_date') }}

)

{{ days_of_ranges('ranges') }}
