-- One row per layer in force, from the hardest to reach to the nearest.
select
    layer_code,
    layer_name
from definitions.layers
where
    valid_from = (
        select coalesce(max(case when valid_from <= %(as_of_date)s then valid_from end), min(valid_from))
        from definitions.layers
    )
order by lower_edge
