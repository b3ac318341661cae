-- One row per month from that of the first answer to D's: yesterday's counts, less what the changed users had brought
-- to them, plus what they bring tonight.
{{ config(post_hook='{{ analyze(this) }}') }}

with

changed_users as (

    select
        user_id,
        replace_from_date
    from {{ ref('int_users__changed') }}

),

answers as (

    select
        submitted_date,
        score,
        1 as weight
    from {{ ref('int_nps_answers__delta') }}

    union all

    select
        answers.submitted_date,
        answers.score,
        -1 as weight
    from {{ yesterday('int_nps_answers') }} as answers
    inner join changed_users
        on
            answers.user_id = changed_users.user_id
            and answers.submitted_date >= changed_users.replace_from_date

),

changes as (

    select
        {{ month_start('submitted_date') }} as month,
        case when {{ is_promoter('score') }} then weight else 0 end as promoter_count,
        case when not {{ is_promoter('score') }} and not {{ is_detractor('score') }} then weight else 0 end
            as passive_count,
        case when {{ is_detractor('score') }} then weight else 0 end as detractor_count
    from answers

    union all

    select
        counts.month,
        counts.promoter_count,
        counts.passive_count,
        counts.detractor_count
    from {{ yesterday('fct_nps') }} as counts

),

months as (

    select
        month,
        sum(promoter_count) as promoter_count,
        sum(passive_count) as passive_count,
        sum(detractor_count) as detractor_count,
        sum(promoter_count + passive_count + detractor_count) as answer_count
    from changes
    group by month

),

first_months as (

    select min(month) as month
    from months
    where answer_count > 0

),

final as (

    select
        days.calendar_date as month,
        ({{ next_month('days.calendar_date') }} <= {{ add_days(as_of_date(), 1) }}) as is_complete,
        coalesce(months.promoter_count, 0) as promoter_count,
        coalesce(months.passive_count, 0) as passive_count,
        coalesce(months.detractor_count, 0) as detractor_count,
        months.answer_count
    from first_months
    cross join lateral {{ date_spine('first_months.month', as_of_date()) }} as days
    left join months
        on days.calendar_date = months.month
    where days.calendar_date = {{ month_start('days.calendar_date') }}

)

select
    month,
    is_complete,
    cast(promoter_count as integer) as promoter_count,
    cast(passive_count as integer) as passive_count,
    cast(detractor_count as integer) as detractor_count,
    {{ nps('promoter_count', 'detractor_count', 'answer_count') }} as nps
from final
