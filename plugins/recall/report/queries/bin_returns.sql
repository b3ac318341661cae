-- One row per line, dimension and bin that somebody came into long enough ago, in the order of the bins.
select
    returns.line_id,
    lines.line_name,
    returns.dimension_code,
    returns.layer_code,
    returns.episode_count,
    returns.returned_count,
    returns.return_rate
from marts.fct_layer_returns as returns
inner join marts.dim_lines as lines
    on returns.line_id = lines.line_id
inner join definitions.layer_bins as bins
    on
        returns.dimension_code = bins.dimension_code
        and returns.layer_code = bins.layer_code
inner join (
    select
        dimension_code,
        coalesce(max(case when valid_from <= %(as_of_date)s then valid_from end), min(valid_from)) as valid_from
    from definitions.layer_bins
    group by dimension_code
) as sets
    on
        bins.dimension_code = sets.dimension_code
        and bins.valid_from = sets.valid_from
where returns.episode_count > 0
order by
    lines.line_name,
    returns.dimension_code,
    bins.lower_edge
