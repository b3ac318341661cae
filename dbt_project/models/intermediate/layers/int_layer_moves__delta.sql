-- One row per line, day, dimension and code that tonight more or fewer episodes are in than the day before.
{{ config(post_hook='{{ analyze(this) }}') }}

with

changed_users as (

    select user_id
    from {{ ref('int_users__changed') }}

),

-- What the changed users' bands brought so far is taken back, and what they bring tonight is added.
bands as (

    select
        line_id,
        valid_from,
        valid_to,
        days_since_last_visit_code,
        visit_count_7d_before_last_visit_code,
        days_since_last_order_code,
        order_count_30d_before_last_order_code,
        layer_code,
        layer_code_without_visits,
        1 as weight
    from {{ ref('int_layer_bands__delta') }}

    union all

    select
        bands.line_id,
        bands.valid_from,
        bands.valid_to,
        bands.days_since_last_visit_code,
        bands.visit_count_7d_before_last_visit_code,
        bands.days_since_last_order_code,
        bands.order_count_30d_before_last_order_code,
        bands.layer_code,
        bands.layer_code_without_visits,
        -1 as weight
    from {{ yesterday('int_layer_bands') }} as bands
    inner join changed_users
        on bands.user_id = changed_users.user_id

),

band_moves as (

    select
        line_id,
        valid_from as move_date,
        days_since_last_visit_code,
        visit_count_7d_before_last_visit_code,
        days_since_last_order_code,
        order_count_30d_before_last_order_code,
        layer_code,
        layer_code_without_visits,
        sum(weight) as user_change
    from bands
    group by
        line_id,
        valid_from,
        days_since_last_visit_code,
        visit_count_7d_before_last_visit_code,
        days_since_last_order_code,
        order_count_30d_before_last_order_code,
        layer_code,
        layer_code_without_visits

    union all

    select
        line_id,
        valid_to as move_date,
        days_since_last_visit_code,
        visit_count_7d_before_last_visit_code,
        days_since_last_order_code,
        order_count_30d_before_last_order_code,
        layer_code,
        layer_code_without_visits,
        -sum(weight) as user_change
    from bands
    where valid_to is not null
    group by
        line_id,
        valid_to,
        days_since_last_visit_code,
        visit_count_7d_before_last_visit_code,
        days_since_last_order_code,
        order_count_30d_before_last_order_code,
        layer_code,
        layer_code_without_visits

),

dimensions as (

    select dimension_code
    from (
        values
        ('layer'),
        ('layer_without_visits'),
        ('days_since_last_visit'),
        ('visit_count_7d_before_last_visit'),
        ('days_since_last_order'),
        ('order_count_30d_before_last_order')
    ) as dimensions (dimension_code)

),

code_moves as (

    select
        band_moves.line_id,
        band_moves.move_date,
        dimensions.dimension_code,
        case dimensions.dimension_code
            when 'layer' then band_moves.layer_code
            when 'layer_without_visits' then band_moves.layer_code_without_visits
            when 'days_since_last_visit' then band_moves.days_since_last_visit_code
            when 'visit_count_7d_before_last_visit' then band_moves.visit_count_7d_before_last_visit_code
            when 'days_since_last_order' then band_moves.days_since_last_order_code
            when 'order_count_30d_before_last_order' then band_moves.order_count_30d_before_last_order_code
        end as layer_code,
        band_moves.user_change
    from band_moves
    cross join dimensions

    union all

    select
        moves.line_id,
        moves.move_date,
        moves.dimension_code,
        moves.layer_code,
        moves.user_change
    from {{ yesterday('int_layer_moves') }} as moves

)

select
    line_id,
    move_date,
    dimension_code,
    layer_code,
    cast(sum(user_change) as integer) as user_change
from code_moves
group by
    line_id,
    move_date,
    dimension_code,
    layer_code
having sum(user_change) <> 0
