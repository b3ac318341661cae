-- One row per profiled episode and signal of what the customer said in the window: complaints and survey answers by
-- topic, lowest ratings, and how long complaints waited for an answer.
{{ config(post_hook='{{ analyze(this) }}') }}

with

episodes as (

    select
        user_id,
        line_id,
        last_key_date,
        lapsed_date,
        previous_returned_date
    from {{ ref('int_episodes__profiled') }}

),

windows as (

    {{ signal_windows_in_force() }}

),

-- An answer after the lapse is not known at the lapse. Only an answer tells that answers are delivered at all.
said as (

    select
        feedback_id,
        user_id,
        line_id,
        submitted_date,
        {{ feedback_signal('kind', 'topic') }} as signal_code,
        score as signal_value,
        answered_date
    from {{ ref('int_profile_feedback__lined') }}

    union all

    select
        feedback_id,
        user_id,
        line_id,
        submitted_date,
        'slowest_answer_days' as signal_code,
        {{ days_between('submitted_date', 'answered_date') }} as signal_value,
        answered_date
    from {{ ref('int_profile_feedback__lined') }}
    where
        kind = 'complaint'
        and answered_date is not null

    union all

    select
        feedback_id,
        user_id,
        line_id,
        submitted_date,
        'unanswered_complaint_count' as signal_code,
        cast(null as integer) as signal_value,
        answered_date
    from {{ ref('int_profile_feedback__lined') }}
    where kind = 'complaint'

),

episode_feedback as (

    select
        episodes.user_id,
        episodes.line_id,
        episodes.last_key_date,
        said.feedback_id,
        said.signal_code,
        said.signal_value
    from episodes
    inner join said
        on
            episodes.user_id = said.user_id
            and episodes.line_id = said.line_id
            and episodes.lapsed_date >= said.submitted_date
    inner join windows
        on said.signal_code = windows.signal_code
    where
        {{ is_in_signal_window('said.submitted_date', 'episodes', 'windows') }}
        and {{ is_since_return('said.submitted_date', 'episodes') }}
        and (
            said.signal_code not in ('slowest_answer_days', 'unanswered_complaint_count')
            or (said.signal_code = 'slowest_answer_days' and said.answered_date <= episodes.lapsed_date)
            or (
                said.signal_code = 'unanswered_complaint_count'
                and (said.answered_date is null or said.answered_date > episodes.lapsed_date)
            )
        )

),

-- What an episode's signal comes to stands beside each feedback that it was taken from.
measured as (

    select
        user_id,
        line_id,
        last_key_date,
        feedback_id,
        signal_code,
        signal_value as feedback_value,
        case
            when signal_code in ('lowest_quality_rating', 'lowest_service_rating')
                then min(signal_value) over (partition by user_id, line_id, last_key_date, signal_code)
            when signal_code = 'slowest_answer_days'
                then max(signal_value) over (partition by user_id, line_id, last_key_date, signal_code)
            else count(*) over (partition by user_id, line_id, last_key_date, signal_code)
        end as signal_value
    from episode_feedback

)

-- Named are the ratings and answers that decided, and all that are counted.
select
    user_id,
    line_id,
    last_key_date,
    signal_code,
    cast(signal_value as {{ numeric_type() }}) as signal_value,
    '"' || signal_code || '": ' || cast(signal_value as {{ dbt.type_string() }})
    || ', "' || signal_code || '_feedback_ids": ' || {{ json_list('feedback_id') }} as members
from measured
where
    signal_code not in ('lowest_quality_rating', 'lowest_service_rating', 'slowest_answer_days')
    or signal_value = feedback_value
group by
    user_id,
    line_id,
    last_key_date,
    signal_code,
    signal_value
