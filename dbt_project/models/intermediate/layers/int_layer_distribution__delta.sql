-- One row per day from the line's first lapse to D, line, dimension and code: how many open episodes are in it.
with

spans as (

    {{ layer_spans(tonight('int_layer_bands'), ref('int_line_visits__delta')) }}

),

-- Everybody enters at valid_from and leaves at valid_to; what lies in the future has not happened yet.
moves as (

    select
        line_id,
        valid_from as move_date,
        days_since_last_visit_code,
        visit_count_7d_before_last_visit_code,
        days_since_last_order_code,
        order_count_30d_before_last_order_code,
        layer_code,
        count(*) as user_change
    from spans
    where valid_from <= {{ as_of_date() }}
    group by
        line_id,
        valid_from,
        days_since_last_visit_code,
        visit_count_7d_before_last_visit_code,
        days_since_last_order_code,
        order_count_30d_before_last_order_code,
        layer_code

    union all

    select
        line_id,
        valid_to as move_date,
        days_since_last_visit_code,
        visit_count_7d_before_last_visit_code,
        days_since_last_order_code,
        order_count_30d_before_last_order_code,
        layer_code,
        -count(*) as user_change
    from spans
    where valid_to <= {{ as_of_date() }}
    group by
        line_id,
        valid_to,
        days_since_last_visit_code,
        visit_count_7d_before_last_visit_code,
        days_since_last_order_code,
        order_count_30d_before_last_order_code,
        layer_code

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
    from ({{ layers_in_force() }}) as layers

),

dimensions as (

    select dimension_code
    from codes
    group by dimension_code

),

code_moves as (

    select
        moves.line_id,
        moves.move_date,
        dimensions.dimension_code,
        case dimensions.dimension_code
            when 'layer' then moves.layer_code
            when 'days_since_last_visit' then moves.days_since_last_visit_code
            when 'visit_count_7d_before_last_visit' then moves.visit_count_7d_before_last_visit_code
            when 'days_since_last_order' then moves.days_since_last_order_code
            when 'order_count_30d_before_last_order' then moves.order_count_30d_before_last_order_code
        end as layer_code,
        moves.user_change
    from moves
    cross join dimensions

),

day_moves as (

    select
        line_id,
        move_date,
        dimension_code,
        layer_code,
        sum(user_change) as user_change
    from code_moves
    group by
        line_id,
        move_date,
        dimension_code,
        layer_code

),

lines as (

    select
        moves.line_id,
        min(moves.move_date) as first_lapsed_date,
        min(line_visits.first_visit_date) as first_visit_date
    from moves
    left join {{ ref('int_line_visits__delta') }} as line_visits
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

grid as (

    select
        days.as_of_date,
        days.line_id,
        codes.dimension_code,
        codes.layer_code
    from days
    inner join codes
        on
            days.has_visits
            or codes.dimension_code not in ('days_since_last_visit', 'visit_count_7d_before_last_visit')

),

running_counts as (

    select
        grid.as_of_date,
        grid.line_id,
        grid.dimension_code,
        grid.layer_code,
        sum(coalesce(day_moves.user_change, 0)) over (
            partition by grid.line_id, grid.dimension_code, grid.layer_code
            order by grid.as_of_date
        ) as user_count
    from grid
    left join day_moves
        on
            grid.line_id = day_moves.line_id
            and grid.as_of_date = day_moves.move_date
            and grid.dimension_code = day_moves.dimension_code
            and grid.layer_code = day_moves.layer_code

),

final as (

    select
        as_of_date,
        line_id,
        dimension_code,
        layer_code,
        cast(user_count as integer) as user_count,
        sum(user_count) over (partition by as_of_date, line_id, dimension_code) as open_count
    from running_counts

)

select
    as_of_date,
    line_id,
    dimension_code,
    layer_code,
    user_count,
    case when open_count = 0 then 0 else round(user_count / open_count, 6) end as user_rate
from final
