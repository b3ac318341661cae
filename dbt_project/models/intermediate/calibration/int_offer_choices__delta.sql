-- One row per churn reason and offer that a customer who left for it may get.
with

reasons as (

    select reason_code
    from (
        values
        ('never_activated'),
        ('product_quality'),
        ('service'),
        ('price'),
        ('content_stale'),
        ('wrong_match'),
        ('need_fulfilled'),
        ('competitor'),
        ('unknown')
    ) as reasons (reason_code)

),

offers as (

    select
        offers.offer_code,
        min(offers.ladder_rank) as ladder_rank
    from ({{ offers_in_force() }}) as offers
    group by offers.offer_code

),

reason_offers as (

    {{ reason_offers_in_force() }}

),

overridden_reasons as (

    select reason_code
    from reason_offers
    group by reason_code

),

final as (

    select
        reason_code,
        offer_code,
        true as is_override
    from reason_offers

    union all

    select
        reasons.reason_code,
        offers.offer_code,
        false as is_override
    from reasons
    cross join offers
    left join overridden_reasons
        on reasons.reason_code = overridden_reasons.reason_code
    where
        overridden_reasons.reason_code is null
        and offers.ladder_rank is not null

)

select
    {{ as_of_date() }} as fitted_date,
    reason_code,
    offer_code,
    is_override
from final
