-- One row per day whose counts may differ from yesterday's, line, dimension (persona or reason) and code: how many open
-- episodes had it, and which share of all open ones.
{{ config(post_hook='{{ analyze(this) }}') }}

with

counts as (

    {{ running_counts(
        moves=ref('int_profile_moves__delta'),
        days=ref('int_profile_days__moved'),
        codes=profile_dimension_codes(),
        code='profile_code',
    ) }}

),

shares as (

    select
        as_of_date,
        line_id,
        dimension_code,
        profile_code,
        user_count,
        sum(user_count) over (partition by as_of_date, line_id, dimension_code) as open_count
    from counts

)

select
    as_of_date,
    line_id,
    dimension_code,
    profile_code,
    cast(user_count as integer) as user_count,
    case when open_count = 0 then 0 else round(user_count / open_count, 6) end as user_rate
from shares
