-- One row per day from the line's first lapse to D, line, dimension and code: how many open episodes are in it.
with

moves as (

    select
        line_id,
        move_date,
        dimension_code,
        layer_code,
        user_change
    from {{ ref('int_layer_moves__delta') }}
    where move_date <= {{ as_of_date() }}

),

line_visits as (

    select
        line_id,
        first_visit_date
    from {{ ref('int_line_visits__delta') }}

),

layers as (

    {{ layers_in_force() }}

),

codes as (

    select
        dimension_code,
        layer_code
    from ({{ layer_bins_in_force() }}) as bins

    union all

    select
        'layer' as dimension_code,
        layer_code
    from layers

    union all

    select
        'layer_without_visits' as dimension_code,
        layer_code
    from layers

),

lines as (

    select
        moves.line_id,
        min(moves.move_date) as first_lapsed_date,
        min(line_visits.first_visit_date) as first_visit_date
    from moves
    left join line_visits
        on moves.line_id = line_visits.line_id
    group by moves.line_id

),

days as (

    select
        lines.line_id,
        days.calendar_date as as_of_date,
        coalesce(lines.first_visit_date <= days.calendar_date, false) as has_visits
    from lines
    cross join lateral {{ date_spine('lines.first_lapsed_date', as_of_date()) }} as days

),

running_counts as (

    select
        days.as_of_date,
        days.line_id,
        days.has_visits,
        codes.dimension_code,
        codes.layer_code,
        sum(coalesce(moves.user_change, 0)) over (
            partition by days.line_id, codes.dimension_code, codes.layer_code
            order by days.as_of_date
        ) as user_count
    from days
    cross join codes
    left join moves
        on
            days.line_id = moves.line_id
            and days.as_of_date = moves.move_date
            and codes.dimension_code = moves.dimension_code
            and codes.layer_code = moves.layer_code

),

-- On days before the line's first visit its layer is that of the orders alone, and visits have no bins.
final as (

    select
        as_of_date,
        line_id,
        case dimension_code when 'layer_without_visits' then 'layer' else dimension_code end as dimension_code,
        layer_code,
        cast(user_count as integer) as user_count,
        sum(user_count) over (partition by as_of_date, line_id, dimension_code) as open_count
    from running_counts
    where
        dimension_code in ('days_since_last_order', 'order_count_30d_before_last_order')
        or (has_visits and dimension_code <> 'layer_without_visits')
        or (not has_visits and dimension_code = 'layer_without_visits')

)

select
    as_of_date,
    line_id,
    dimension_code,
    layer_code,
    user_count,
    case when open_count = 0 then 0 else round(user_count / open_count, 6) end as user_rate
from final
