-- One row per day whose counts may differ from yesterday's, line, dimension and code: how many open episodes are in it.
{{ config(post_hook='{{ analyze(this) }}') }}

with

running_counts as (

    {{ running_counts(
        moves=ref('int_layer_moves__delta'),
        days=ref('int_layer_days__moved'),
        codes=layer_dimension_codes(),
        code='layer_code',
    ) }}

),

line_visits as (

    select
        line_id,
        first_visit_date
    from {{ ref('int_line_visits__delta') }}

),

counts as (

    select
        running_counts.as_of_date,
        running_counts.line_id,
        running_counts.dimension_code,
        running_counts.layer_code,
        running_counts.user_count,
        coalesce(line_visits.first_visit_date <= running_counts.as_of_date, false) as has_visits
    from running_counts
    left join line_visits
        on running_counts.line_id = line_visits.line_id

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
    from counts
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
