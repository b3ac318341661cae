-- One row per episode of which a band is another one, as it was (weight -1) and as it is (1), dimension and code that
-- it came into.
{{ config(post_hook='{{ analyze(this) }}') }}

with

-- Of these episodes all bands are asked: what an earlier one came into a later one comes into no more.
bands as (

    select
        user_id,
        line_id,
        last_key_date,
        valid_from,
        valid_to,
        {%- for column in layer_dimension_columns().values() %}
            {{ column }},
        {%- endfor %}
        1 as weight
    from {{ ref('int_layer_bands__moved') }}

    union all

    select
        bands.user_id,
        bands.line_id,
        bands.last_key_date,
        bands.valid_from,
        bands.valid_to,
        {%- for column in layer_dimension_columns().values() %}
            bands.{{ column }},
        {%- endfor %}
        -1 as weight
    from {{ ref('int_episodes__rebanded') }} as rebanded_episodes
    inner join {{ yesterday('int_layer_bands') }} as bands
        on
            rebanded_episodes.user_id = bands.user_id
            and rebanded_episodes.line_id = bands.line_id
            and rebanded_episodes.last_key_date = bands.last_key_date

),

-- Most bands leave most codes as they were: those are null here.
changed_codes as (

    select
        user_id,
        line_id,
        last_key_date,
        weight,
        valid_from,
        {%- for column in layer_dimension_columns().values() %}
            nullif(
                {{ column }},
                lag({{ column }}) over (partition by user_id, line_id, last_key_date, weight order by valid_from)
            ) as {{ column }},
        {%- endfor %}
        last_value(valid_to) over (
            partition by user_id, line_id, last_key_date, weight
            order by valid_from
            rows between unbounded preceding and unbounded following
        ) as returned_date
    from bands

),

dimensions as (

    select dimension_code
    from (
        values
        {%- for dimension in layer_dimension_columns() %}
            ('{{ dimension }}'){{ ',' if not loop.last }}
        {%- endfor %}
    ) as dimensions (dimension_code)

),

entries as (

    select
        changed_codes.user_id,
        changed_codes.line_id,
        changed_codes.last_key_date,
        changed_codes.weight,
        changed_codes.valid_from,
        changed_codes.returned_date,
        dimensions.dimension_code,
        case dimensions.dimension_code
            {%- for dimension, column in layer_dimension_columns().items() %}
                when '{{ dimension }}' then changed_codes.{{ column }}
            {%- endfor %}
        end as layer_code
    from changed_codes
    cross join dimensions

)

select
    line_id,
    dimension_code,
    layer_code,
    min(valid_from) as entered_date,
    max(returned_date) as returned_date,
    weight
from entries
where layer_code is not null
group by
    user_id,
    line_id,
    last_key_date,
    weight,
    dimension_code,
    layer_code
