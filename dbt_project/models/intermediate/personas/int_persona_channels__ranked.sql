-- One row per open episode of a changed user and visit channel up to the lapse, the one of most visits first.
{{ config(post_hook='{{ analyze(this) }}') }}

with

episodes as (

    select
        user_id,
        line_id,
        lapsed_date,
        first_order_date
    from {{ ref('int_persona_measures__summed') }}
    where
        is_open
        and is_changed

),

visits as (

    select
        visits.user_id,
        visits.visited_date,
        visits.object_type,
        visits.object_id,
        visits.channel,
        {{ visit_code('visits.session_id', 'visits.visit_id') }} as visit_code
    from {{ rows_of_users(ref('stg_landing__visits'), ref('int_lapsed_users__changed')) }} as visits
    where visits.channel is not null

),

products as (

    select
        product_id,
        line_id
    from {{ ref('int_products__lined') }}

),

category_lines as (

    {{ category_lines_in_force() }}

),

-- The line that a visit's object names; null if it names none, which makes it a visit of every line of the customer.
lined_visits as (

    select
        visits.user_id,
        visits.visited_date,
        visits.channel,
        visits.visit_code,
        case
            when {{ is_visit_of_line_object('visits.object_type', 'visits.object_id') }}
                then coalesce(products.line_id, category_lines.line_id, 'all')
        end as line_id
    from visits
    left join products
        on
            visits.object_id = products.product_id
            and visits.object_type = 'product'
    left join category_lines
        on
            visits.object_id = category_lines.category
            and visits.object_type = 'category'

),

-- A visit is a session on a day; one that changed its channel counts for both.
channel_visits as (

    select
        episodes.user_id,
        episodes.line_id,
        lined_visits.visited_date,
        lined_visits.channel,
        lined_visits.visit_code
    from episodes
    inner join lined_visits
        on
            episodes.user_id = lined_visits.user_id
            and episodes.lapsed_date >= lined_visits.visited_date
            and (
                episodes.line_id = lined_visits.line_id
                or (lined_visits.line_id is null and episodes.first_order_date <= lined_visits.visited_date)
            )
    group by
        episodes.user_id,
        episodes.line_id,
        lined_visits.visited_date,
        lined_visits.channel,
        lined_visits.visit_code

),

final as (

    select
        user_id,
        line_id,
        channel,
        count(*) as visit_count,
        row_number() over (
            partition by user_id, line_id
            order by count(*) desc, channel
        ) as rank_number
    from channel_visits
    group by
        user_id,
        line_id,
        channel

)

select
    user_id,
    line_id,
    channel,
    visit_count,
    rank_number
from final
