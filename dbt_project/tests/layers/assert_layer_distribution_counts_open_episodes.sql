-- The layers of D hold exactly the episodes that are open on D.
with

open_episodes as (

    select
        episodes.line_id,
        count(*) as open_count
    from {{ tonight('fct_lapse_episodes', ['line_id', 'is_open']) }} as episodes
    where episodes.is_open
    group by episodes.line_id

),

counted as (

    select
        days.line_id,
        sum(days.user_count) as open_count
    from
        {{ tonight('fct_layer_distribution', ['line_id', 'as_of_date', 'dimension_code', 'user_count']) }}
            as days
    where
        days.as_of_date = {{ as_of_date() }}
        and days.dimension_code = 'layer'
    group by days.line_id

)

select
    coalesce(open_episodes.line_id, counted.line_id) as line_id,
    open_episodes.open_count,
    counted.open_count as counted_count
from open_episodes
full join counted
    on open_episodes.line_id = counted.line_id
where coalesce(open_episodes.open_count, 0) <> coalesce(counted.open_count, 0)
