-- One row per business line in force on the as-of date, and the reserved line any.
{{ config(post_hook='{{ analyze(this) }}') }}

with

lines as (

    {{ lines_in_force() }}

),

lifecycle_rules as (

    {{ lifecycle_rules_in_force() }}

),

final as (

    select
        lines.line_id,
        lines.line_name,
        lines.frequency_class,
        lines.key_behaviour,
        lines.lapse_days,
        lines.returned_days,
        {{ decline_days('lifecycle_rules.decline_share', 'lines.lapse_days') }} as decline_days,
        lifecycle_rules.mature_order_days,
        lines.margin_rate,
        false as is_reserved
    from lines
    cross join lifecycle_rules

    union all

    select
        'any' as line_id,
        'All activity' as line_name,
        cast(null as {{ dbt.type_string() }}) as frequency_class,
        cast(null as {{ dbt.type_string() }}) as key_behaviour,
        cast(null as integer) as lapse_days,
        cast(null as integer) as returned_days,
        cast(null as integer) as decline_days,
        cast(null as integer) as mature_order_days,
        cast(null as {{ numeric_type() }}) as margin_rate,
        true as is_reserved

)

select
    line_id,
    line_name,
    frequency_class,
    key_behaviour,
    lapse_days,
    returned_days,
    decline_days,
    mature_order_days,
    margin_rate,
    is_reserved
from final
