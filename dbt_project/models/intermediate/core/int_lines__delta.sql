-- One row per business line in force on the as-of date, and the reserved line any.
{{ config(post_hook='{{ analyze(this) }}') }}

with

lines as (

    {{ lines_in_force() }}

),

final as (

    select
        line_id,
        line_name,
        frequency_class,
        key_behaviour,
        lapse_days,
        returned_days,
        margin_rate,
        false as is_reserved
    from lines

    union all

    select
        'any' as line_id,
        'All activity' as line_name,
        cast(null as text) as frequency_class,
        cast(null as text) as key_behaviour,
        cast(null as integer) as lapse_days,
        cast(null as integer) as returned_days,
        cast(null as numeric) as margin_rate,
        true as is_reserved

)

select
    line_id,
    line_name,
    frequency_class,
    key_behaviour,
    lapse_days,
    returned_days,
    margin_rate,
    is_reserved
from final
