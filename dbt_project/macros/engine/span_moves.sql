{#-
    How many more spans enter a code than leave it, per line, day, dimension and code: yesterday's moves, less what
    the spans of tonight's users had brought to them, plus what they bring tonight. Its running sum is a daily count
    (running_counts), and a night changes only what its users had or get. Renders a select of line_id, move_date,
    dimension_code, the code and user_change.

    Args:
        spans: The published model that holds the spans, e.g. 'int_layer_bands'; its delta holds tonight's.
        users: The users whose spans tonight's delta replaces, by `ref`.
        moves: The published model that holds the moves.
        dimensions: Per dimension code the column that holds its code in the spans.
        code: Name of the column of the code.
        valid_from: The first day of a span, a column.
        valid_to: The day before which it ends, a column; null while nothing ends it.
-#}
{% macro span_moves(spans, users, moves, dimensions, code, valid_from='valid_from', valid_to='valid_to') %}
with

changed_users as (

    select user_id
    from {{ users }}

),

-- What tonight's users' spans brought so far is taken back, and what they bring tonight is added.
spans as (

    select
        line_id,
        {{ valid_from }} as valid_from,
        {{ valid_to }} as valid_to,
        {%- for column in dimensions.values() %}
        {{ column }},
        {%- endfor %}
        1 as weight
    from {{ ref(delta_name(spans)) }}

    union all

    select
        spans.line_id,
        spans.{{ valid_from }} as valid_from,
        spans.{{ valid_to }} as valid_to,
        {%- for column in dimensions.values() %}
        spans.{{ column }},
        {%- endfor %}
        -1 as weight
    from {{ yesterday(spans) }} as spans
    inner join changed_users
        on spans.user_id = changed_users.user_id

),

-- All codes of a span move together, so they are added up before they are told apart.
moves_of_spans as (
    {% for side in ['valid_from', 'valid_to'] %}
    select
        line_id,
        {{ side }} as move_date,
        {%- for column in dimensions.values() %}
        {{ column }},
        {%- endfor %}
        {{ '-' if side == 'valid_to' }}sum(weight) as user_change
    from spans
    {%- if side == 'valid_to' %}
    where valid_to is not null
    {%- endif %}
    group by
        line_id,
        {{ side }}
        {%- for column in dimensions.values() %},
        {{ column }}
        {%- endfor %}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

dimensions as (

    select dimension_code
    from (
        values
        {%- for dimension in dimensions %}
        ('{{ dimension }}'){{ ',' if not loop.last }}
        {%- endfor %}
    ) as dimensions (dimension_code)

),

code_moves as (

    select
        moves_of_spans.line_id,
        moves_of_spans.move_date,
        dimensions.dimension_code,
        case dimensions.dimension_code
            {%- for dimension, column in dimensions.items() %}
            when '{{ dimension }}' then moves_of_spans.{{ column }}
            {%- endfor %}
        end as {{ code }},
        moves_of_spans.user_change
    from moves_of_spans
    cross join dimensions

    union all

    select
        moves.line_id,
        moves.move_date,
        moves.dimension_code,
        moves.{{ code }},
        moves.user_change
    from {{ yesterday(moves) }} as moves

)

select
    line_id,
    move_date,
    dimension_code,
    {{ code }},
    cast(sum(user_change) as integer) as user_change
from code_moves
group by
    line_id,
    move_date,
    dimension_code,
    {{ code }}
having sum(user_change) <> 0
{% endmacro %}


{#-
    The running sum of moves: per line, every day from its first move to D, dimension and code, the number of open
    spans in it, zeros included. Renders a select of as_of_date, line_id, dimension_code, the code and user_count.

    Args:
        moves: Where the moves are, by `ref`.
        codes: A select of dimension_code and the code, one row for each that is counted.
        code: Name of the column of the code.
-#}
{% macro running_counts(moves, codes, code) %}
with

moves as (

    select
        line_id,
        move_date,
        dimension_code,
        {{ code }},
        user_change
    from {{ moves }}
    where move_date <= {{ as_of_date() }}

),

codes as (

    {{ codes }}

),

lines as (

    select
        line_id,
        min(move_date) as first_date
    from moves
    group by line_id

),

days as (

    select
        lines.line_id,
        days.calendar_date as as_of_date
    from lines
    cross join lateral {{ date_spine('lines.first_date', as_of_date()) }} as days

)

select
    days.as_of_date,
    days.line_id,
    codes.dimension_code,
    codes.{{ code }},
    sum(coalesce(moves.user_change, 0)) over (
        partition by days.line_id, codes.dimension_code, codes.{{ code }}
        order by days.as_of_date
    ) as user_count
from days
cross join codes
left join moves
    on
        days.line_id = moves.line_id
        and days.as_of_date = moves.move_date
        and codes.dimension_code = moves.dimension_code
        and codes.{{ code }} = moves.{{ code }}
{% endmacro %}
