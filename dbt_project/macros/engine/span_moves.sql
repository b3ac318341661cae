{#-
    How many more spans enter a code than leave it, per line, day, dimension and code: yesterday's moves, less what
    the spans of tonight's users had brought to them, plus what they bring tonight. Its running sum is a daily count
    (running_counts), and a night changes only what its users had or get. Renders a select of line_id, move_date,
    dimension_code, the code and user_change.

    Args:
        spans: The published model that holds the spans, e.g. 'int_layer_bands'; its delta holds tonight's.
        moves: The published model that holds the moves.
        dimensions: Per dimension code the column that holds its code in the spans.
        code: Name of the column of the code.
        valid_from: The first day of a span, a column.
        valid_to: The day before which it ends, a column; null while nothing ends it.
-#}
{% macro span_moves(spans, moves, dimensions, code, valid_from='valid_from', valid_to='valid_to') %}
with

-- What tonight's spans replace had brought is taken back, and what they bring is added.
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
        replaced_spans.line_id,
        replaced_spans.{{ valid_from }} as valid_from,
        replaced_spans.{{ valid_to }} as valid_to,
        {%- for column in dimensions.values() %}
        replaced_spans.{{ column }},
        {%- endfor %}
        -1 as weight
    from {{ replaced_rows(spans, ['line_id', valid_from, valid_to] + dimensions.values() | list) }} as replaced_spans

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
    The days whose running counts may differ from those that are published: where tonight's moves and yesterday's do not
    come to the same, where a line begins on another day, and the days since yesterday; in a rebuild every day from a
    line's first move to D. Renders the ranges of one row each, of line_id, from_date and until_date, the day before which
    it ends.

    Args:
        moves: The published model that holds the moves.
        code: Name of the column of the code.
-#}
{% macro moved_ranges(moves, code) %}
with

moves as (

    select
        line_id,
        move_date,
        dimension_code,
        {{ code }},
        user_change,
        1 as weight
    from {{ ref(delta_name(moves)) }}
    where move_date <= {{ as_of_date() }}

    union all

    select
        line_id,
        move_date,
        dimension_code,
        {{ code }},
        user_change,
        -1 as weight
    from {{ yesterday(moves) }} as earlier_moves
    where move_date <= {{ as_of_date() }}

),

changes as (

    select
        line_id,
        move_date,
        dimension_code,
        {{ code }},
        sum(user_change * weight) as user_change
    from moves
    group by
        line_id,
        move_date,
        dimension_code,
        {{ code }}
    having sum(user_change * weight) <> 0

),

-- From a change on a count differs, until others make up for it.
differences as (

    select
        line_id,
        move_date as from_date,
        lead(move_date) over (
            partition by line_id, dimension_code, {{ code }}
            order by move_date
        ) as next_date,
        sum(user_change) over (
            partition by line_id, dimension_code, {{ code }}
            order by move_date
        ) as difference
    from changes

),

lines as (

    select
        line_id,
        min(case when weight = 1 then move_date end) as first_date,
        min(case when weight = -1 then move_date end) as earlier_first_date
    from moves
    group by line_id

)

{{ moved_beginnings('lines', 'first_date', 'earlier_first_date') }}
{%- if not is_full_rebuild() %}

union all

select
    line_id,
    from_date,
    coalesce(next_date, {{ add_days(as_of_date(), 1) }}) as until_date
from differences
where difference <> 0

union all

select
    line_id,
    {{ add_days(previous_as_of_date(), 1) }} as from_date,
    {{ add_days(as_of_date(), 1) }} as until_date
from lines
{%- endif %}
{% endmacro %}


{#-
    The ranges between two beginnings where a line has another one tonight than yesterday; where there was none, or is none
    any more, up to D. Renders a select of line_id, from_date and until_date.

    Args:
        lines: Where the beginnings are: a relation of line_id and the two.
        first_date: Tonight's, a column.
        earlier_first_date: Yesterday's, a column.
-#}
{% macro moved_beginnings(lines, first_date, earlier_first_date) -%}
select
    line_id,
    least({{ first_date }}, {{ earlier_first_date }}) as from_date,
    case
        when {{ first_date }} is null or {{ earlier_first_date }} is null then {{ add_days(as_of_date(), 1) }}
        else greatest({{ first_date }}, {{ earlier_first_date }})
    end as until_date
from {{ lines }}
where {{ first_date }} is distinct from {{ earlier_first_date }}
{%- endmacro %}


{#-
    Every day of ranges, once per line. Renders a select of line_id and as_of_date.

    Args:
        ranges: Where the ranges are: a relation of line_id, from_date and until_date.
-#}
{% macro days_of_ranges(ranges) -%}
    select
        ranges.line_id,
        days.calendar_date as as_of_date
    from (
        select distinct
            line_id,
            from_date,
            until_date
        from {{ ranges }}
    ) as ranges
    cross join lateral {{ date_spine('ranges.from_date', add_days('ranges.until_date', -1)) }} as days
    group by
        ranges.line_id,
        days.calendar_date
{%- endmacro %}


{#-
    The running sum of moves: per line, day, dimension and code, the number of open spans in it, zeros included. Renders a
    select of as_of_date, line_id, dimension_code, the code and user_count.

    Args:
        moves: Where the moves are, by `ref`.
        days: The days that are counted, by `ref`; those before a line's first move have no row.
        codes: A select of dimension_code and the code, one row for each that is counted.
        code: Name of the column of the code.
-#}
{% macro running_counts(moves, days, codes, code) %}
with

moves as (

    select
        line_id,
        move_date,
        dimension_code,
        {{ code }},
        user_change
    from {{ moves }}

),

wanted_days as (

    select
        line_id,
        as_of_date
    from {{ days }}

),

codes as (

    {{ codes }}

),

first_moves as (

    select
        line_id,
        min(move_date) as first_date
    from moves
    group by line_id

),

lines as (

    select
        wanted_days.line_id,
        greatest(min(wanted_days.as_of_date), min(first_moves.first_date)) as first_date,
        max(wanted_days.as_of_date) as last_date
    from wanted_days
    inner join first_moves
        on wanted_days.line_id = first_moves.line_id
    group by wanted_days.line_id

),

-- What moved before the first of these days is there on that day.
moves_of_days as (

    select
        moves.line_id,
        greatest(moves.move_date, lines.first_date) as as_of_date,
        moves.dimension_code,
        moves.{{ code }},
        sum(moves.user_change) as user_change
    from moves
    inner join lines
        on moves.line_id = lines.line_id
    where moves.move_date <= lines.last_date
    group by
        moves.line_id,
        greatest(moves.move_date, lines.first_date),
        moves.dimension_code,
        moves.{{ code }}

),

days as (

    select
        lines.line_id,
        days.calendar_date as as_of_date,
        wanted_days.line_id is not null as is_wanted
    from lines
    cross join lateral {{ date_spine('lines.first_date', 'lines.last_date') }} as days
    left join wanted_days
        on
            lines.line_id = wanted_days.line_id
            and days.calendar_date = wanted_days.as_of_date

),

counts as (

    select
        days.as_of_date,
        days.line_id,
        days.is_wanted,
        codes.dimension_code,
        codes.{{ code }},
        sum(coalesce(moves_of_days.user_change, 0)) over (
            partition by days.line_id, codes.dimension_code, codes.{{ code }}
            order by days.as_of_date
        ) as user_count
    from days
    cross join codes
    left join moves_of_days
        on
            days.line_id = moves_of_days.line_id
            and days.as_of_date = moves_of_days.as_of_date
            and codes.dimension_code = moves_of_days.dimension_code
            and codes.{{ code }} = moves_of_days.{{ code }}

)

select
    as_of_date,
    line_id,
    dimension_code,
    {{ code }},
    user_count
from counts
where is_wanted
{% endmacro %}
