-- One row per month of the last two years: lapses of all lines that began in it, and those that ended in it by a return.
with

dated as (

    select
        lapsed_date as flow_date,
        1 as lapsed_count,
        0 as returned_count
    from marts.fct_lapse_episodes

    union all

    select
        returned_date as flow_date,
        0 as lapsed_count,
        1 as returned_count
    from marts.fct_lapse_episodes
    where returned_date is not null

)

select
    cast(date_trunc('month', cast(flow_date as timestamp)) as date) as month,
    sum(lapsed_count) as lapsed_count,
    sum(returned_count) as returned_count
from dated
where
    flow_date > cast(date_trunc('month', cast(%(as_of_date)s as timestamp)) - interval '24 months' as date)
    and flow_date <= %(as_of_date)s
group by cast(date_trunc('month', cast(flow_date as timestamp)) as date)
order by month
