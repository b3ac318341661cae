-- On every day each dimension divides the same open episodes among its codes, and nobody is counted below zero.
with

totals as (

    select
        as_of_date,
        line_id,
        dimension_code,
        sum(user_count) as open_count,
        min(user_count) as least_count
    from {{ ref('int_layer_distribution__delta') }}
    group by
        as_of_date,
        line_id,
        dimension_code

)

select
    totals.as_of_date,
    totals.line_id,
    totals.dimension_code,
    totals.open_count,
    layer_totals.open_count as layer_open_count,
    totals.least_count
from totals
inner join totals as layer_totals
    on
        totals.as_of_date = layer_totals.as_of_date
        and totals.line_id = layer_totals.line_id
where
    layer_totals.dimension_code = 'layer'
    and (totals.open_count <> layer_totals.open_count or totals.least_count < 0)
