-- One row per day and channel up to the as-of date: what winning new users cost.
with

final as (

    select
        acquisition_costs.cost_date,
        acquisition_costs.channel,
        acquisition_costs.cost_amount,
        acquisition_costs.new_user_count
    from
        {{ visible_rows(
            'acquisition_costs',
            ['cost_date', 'channel'],
            ['cost_amount', 'new_user_count'],
        ) }} as acquisition_costs
    where acquisition_costs.cost_date <= {{ as_of_date() }}

)

select
    cost_date,
    channel,
    cost_amount,
    new_user_count
from final
