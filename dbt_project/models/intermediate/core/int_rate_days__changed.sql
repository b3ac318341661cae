-- One row per currency and range of days whose rate is another one than the published orders were converted with.
{{ config(post_hook='{{ analyze(this) }}') }}

with

rates as (

    select
        currency_code,
        rate_date,
        rate,
        true as is_new
    from {{ ref('int_exchange_rates__delta') }}

    union all

    select
        rates.currency_code,
        rates.rate_date,
        rates.rate,
        false as is_new
    from {{ yesterday('int_exchange_rates') }} as rates

),

-- Every date on which either set of rates may change, and one before all of them for the days before the first rate.
edges as (

    select
        currency_code,
        rate_date as from_date
    from rates

    union

    select
        currency_code,
        cast('0001-01-01' as date) as from_date
    from rates

),

-- Each set's rate from an edge on: its last one not after the edge, or its first one.
rated_edges as (

    select
        edges.currency_code,
        edges.from_date,
        rates.is_new,
        rates.rate,
        row_number() over (
            partition by edges.currency_code, edges.from_date, rates.is_new
            order by
                case when rates.rate_date <= edges.from_date then 1 else 2 end,
                case when rates.rate_date <= edges.from_date then rates.rate_date end desc,
                rates.rate_date
        ) as rank_number
    from edges
    inner join rates
        on edges.currency_code = rates.currency_code

),

compared_edges as (

    select
        currency_code,
        from_date,
        max(case when is_new then rate end) as new_rate,
        max(case when not is_new then rate end) as old_rate
    from rated_edges
    where rank_number = 1
    group by
        currency_code,
        from_date

),

ranges as (

    select
        currency_code,
        from_date,
        lead(from_date) over (partition by currency_code order by from_date) as to_date,
        new_rate,
        old_rate
    from compared_edges

)

select
    currency_code,
    from_date,
    to_date
from ranges
where
    new_rate <> old_rate
    or (new_rate is null) <> (old_rate is null)
