-- One row per line, length and end of the gaps between key days, as they were and until touched: how many there are.
{{ config(post_hook='{{ analyze(this) }}') }}

with

lines as (

    select
        line_id,
        frequency_class
    from {{ ref('dim_lines') }}
    where not is_reserved

),

customers as (

    select
        user_id,
        line_id,
        first_order_date
    from {{ ref('int_customer_lines') }}

),

first_returns as (

    select
        user_id,
        line_id,
        min(returned_date) as first_returned_date
    from {{ ref('fct_lapse_episodes') }}
    where not is_open
    group by
        user_id,
        line_id

),

key_days as (

    select
        user_days.user_id,
        user_days.line_id,
        user_days.activity_date as event_date,
        0 as is_touch
    from {{ ref('fct_user_days') }} as user_days
    inner join lines
        on user_days.line_id = lines.line_id
    inner join customers
        on
            user_days.user_id = customers.user_id
            and user_days.line_id = customers.line_id
    where
        user_days.activity_date >= customers.first_order_date
        and {{ is_key_day('lines.frequency_class', 'user_days.visit_count', 'user_days.order_count') }}

),

touches as (

    select
        customers.user_id,
        customers.line_id,
        touches.touched_date as event_date,
        1 as is_touch
    from {{ ref('int_touches__dated') }} as touches
    inner join customers
        on touches.user_id = customers.user_id

),

events as (

    select
        user_id,
        line_id,
        event_date,
        is_touch
    from key_days

    union all

    select
        user_id,
        line_id,
        event_date,
        is_touch
    from touches

),

-- From the latest day back, so that the least of the days seen so far is the next one; a touch on a key day belongs
-- to the gap that ends there.
followed_events as (

    select
        user_id,
        line_id,
        event_date as key_date,
        is_touch,
        min(case when is_touch = 0 then event_date end) over (
            partition by user_id, line_id
            order by event_date desc, is_touch
            rows between unbounded preceding and 1 preceding
        ) as next_key_date,
        min(case when is_touch = 1 then event_date end) over (
            partition by user_id, line_id
            order by event_date desc, is_touch
            rows between unbounded preceding and 1 preceding
        ) as touched_date
    from events

),

gaps as (

    select
        followed_events.line_id,
        followed_events.key_date,
        coalesce(followed_events.next_key_date, {{ as_of_date() }}) as end_date,
        (followed_events.next_key_date is not null) as is_returned,
        followed_events.touched_date,
        coalesce(followed_events.key_date >= first_returns.first_returned_date, false) as is_after_return
    from followed_events
    left join first_returns
        on
            followed_events.user_id = first_returns.user_id
            and followed_events.line_id = first_returns.line_id
    where followed_events.is_touch = 0

),

measured_gaps as (

    select
        line_id,
        {{ days_between('key_date', 'end_date') }} as quiet_days,
        is_returned,
        {{ untouched_quiet_days('key_date', 'end_date', 'touched_date') }} as untouched_quiet_days,
        (is_returned and coalesce(touched_date > end_date, true)) as is_returned_untouched,
        is_after_return
    from gaps

)

select
    line_id,
    quiet_days,
    is_returned,
    untouched_quiet_days,
    is_returned_untouched,
    is_after_return,
    count(*) as gap_count
from measured_gaps
group by
    line_id,
    quiet_days,
    is_returned,
    untouched_quiet_days,
    is_returned_untouched,
    is_after_return
