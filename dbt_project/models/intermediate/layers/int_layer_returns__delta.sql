-- One row per line with a lapse, dimension and code: how many episodes came into it at least the dated days ago, and
-- how many of them returned within these days.
{{ config(post_hook='{{ analyze(this) }}') }}

with

entries as (

    select
        line_id,
        dimension_code,
        layer_code,
        entered_date,
        episode_count,
        returned_count
    from {{ ref('int_layer_entries__delta') }}
    where entered_date <= {{ as_of_date() }}

),

layer_rules as (

    {{ layer_rules_in_force() }}

),

line_visits as (

    select
        line_id,
        first_visit_date
    from {{ ref('int_line_visits__delta') }}

),

codes as (

    {{ layer_dimension_codes() }}

),

lines as (

    select line_id
    from entries
    group by line_id

),

-- Days before the line's first visit are read without visits, later ones with them: fct_layer_distribution does the
-- same.
counted_entries as (

    select
        entries.line_id,
        entries.dimension_code,
        entries.layer_code,
        entries.episode_count,
        entries.returned_count
    from entries
    cross join layer_rules
    left join line_visits
        on entries.line_id = line_visits.line_id
    where
        entries.entered_date <= {{ add_days(as_of_date(), '- layer_rules.return_days') }}
        and (
            entries.dimension_code in ('days_since_last_order', 'order_count_30d_before_last_order')
            or (
                entries.dimension_code = 'layer_without_visits'
                and (line_visits.line_id is null or entries.entered_date < line_visits.first_visit_date)
            )
            or (
                entries.dimension_code not in ('layer_without_visits')
                and entries.entered_date >= line_visits.first_visit_date
            )
        )

),

counts as (

    select
        lines.line_id,
        case codes.dimension_code when 'layer_without_visits' then 'layer' else codes.dimension_code end
            as dimension_code,
        codes.layer_code,
        sum(coalesce(counted_entries.episode_count, 0)) as episode_count,
        sum(coalesce(counted_entries.returned_count, 0)) as returned_count
    from lines
    cross join codes
    left join line_visits
        on lines.line_id = line_visits.line_id
    left join counted_entries
        on
            lines.line_id = counted_entries.line_id
            and codes.dimension_code = counted_entries.dimension_code
            and codes.layer_code = counted_entries.layer_code
    where
        codes.dimension_code not in ('days_since_last_visit', 'visit_count_7d_before_last_visit')
        or line_visits.line_id is not null
    group by
        lines.line_id,
        case codes.dimension_code when 'layer_without_visits' then 'layer' else codes.dimension_code end,
        codes.layer_code

)

select
    counts.line_id,
    counts.dimension_code,
    counts.layer_code,
    cast(counts.episode_count as integer) as episode_count,
    cast(counts.returned_count as integer) as returned_count,
    case
        when counts.episode_count > 0
            then round(cast(counts.returned_count as {{ numeric_type() }}) / counts.episode_count, 6)
    end as return_rate,
    layer_rules.return_days
from counts
cross join layer_rules
