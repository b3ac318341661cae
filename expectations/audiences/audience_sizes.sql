-- One row per campaign and step that selected somebody tonight or usually does: how many, and is that unusual?
-- Usual is the median of the nights before, counted once half of usual_audience_days were built. Both limits must be
-- passed by more than three standard deviations of chance (sqrt(n) for a count that is usually n, sqrt(n p (1 - p))
-- for a share p of n), so that a shop with a handful of members is not asked every night.
with

night as (

    select
        night.as_of_date + 1 as selected_date,
        rules.max_audience_rate,
        rules.max_audience_change_rate,
        rules.usual_audience_days,
        rules.max_audience_count
    from control.night
    -- The last row not after D; before its first date the first row holds.
    left join lateral (
        select *
        from definitions.gate_rules
        order by
            gate_rules.valid_from > night.as_of_date,
            abs(night.as_of_date - gate_rules.valid_from)
        limit 1
    ) as rules on true

),

past_nights as (

    select distinct builds.as_of_date + 1 as selected_date
    from control.builds
    cross join night
    where
        builds.state = 'complete'
        and builds.as_of_date + 1 < night.selected_date
        and builds.as_of_date + 1 >= night.selected_date - night.usual_audience_days

),

counted as (

    select
        members.campaign_id,
        members.step_number,
        members.selected_date,
        count(*) filter (where not members.is_global_holdout and not members.is_campaign_holdout) as member_count
    from audiences.aud_recall_members as members
    cross join night
    where
        members.selected_date = night.selected_date
        or members.selected_date in (select past_nights.selected_date from past_nights)
    group by
        members.campaign_id,
        members.step_number,
        members.selected_date

),

steps as (

    select distinct
        counted.campaign_id,
        counted.step_number
    from counted

),

usual as (

    select
        steps.campaign_id,
        steps.step_number,
        percentile_cont(0.5) within group (order by coalesce(counted.member_count, 0)) as usual_count
    from steps
    cross join past_nights
    left join counted
        on
            steps.campaign_id = counted.campaign_id
            and steps.step_number = counted.step_number
            and past_nights.selected_date = counted.selected_date
    group by
        steps.campaign_id,
        steps.step_number
    having count(*) * 2 >= (select night.usual_audience_days from night)

),

night_totals as (

    select
        past_nights.selected_date,
        coalesce(sum(counted.member_count), 0) as night_count
    from past_nights
    left join counted on past_nights.selected_date = counted.selected_date
    group by past_nights.selected_date

),

usual_night as (

    select percentile_cont(0.5) within group (order by night_totals.night_count) as usual_night_count
    from night_totals
    having count(*) * 2 >= (select night.usual_audience_days from night)

),

lapsed as (

    select count(distinct episodes.user_id) as lapsed_count
    from marts.fct_lapse_episodes as episodes
    where episodes.is_open

),

compared as (

    select
        steps.campaign_id,
        steps.step_number,
        coalesce(tonight.member_count, 0) as member_count,
        usual.usual_count,
        sum(coalesce(tonight.member_count, 0)) over () as night_count
    from steps
    cross join night
    left join counted as tonight
        on
            steps.campaign_id = tonight.campaign_id
            and steps.step_number = tonight.step_number
            and night.selected_date = tonight.selected_date
    left join usual
        on
            steps.campaign_id = usual.campaign_id
            and steps.step_number = usual.step_number

)

select
    compared.campaign_id,
    compared.step_number,
    compared.member_count,
    compared.usual_count,
    compared.night_count,
    lapsed.lapsed_count,
    coalesce(
        compared.night_count > night.max_audience_rate * lapsed.lapsed_count
        + 3 * sqrt(night.max_audience_rate * (1 - night.max_audience_rate) * lapsed.lapsed_count),
        true
    )
    or coalesce(compared.night_count > night.max_audience_count, false) as is_too_large,
    -- How many the night may write to, and the step, before a person is asked.
    floor(
        least(
            night.max_audience_rate * lapsed.lapsed_count
            + 3 * sqrt(night.max_audience_rate * (1 - night.max_audience_rate) * lapsed.lapsed_count),
            night.max_audience_count
        )
    ) as largest_night_count,
    floor(
        compared.usual_count
        + greatest(night.max_audience_change_rate * compared.usual_count, 3 * sqrt(compared.usual_count))
    ) as largest_step_count,
    compared.usual_count is not null
    and abs(compared.member_count - compared.usual_count) > night.max_audience_change_rate * compared.usual_count
    and abs(compared.member_count - compared.usual_count) > 3 * sqrt(compared.usual_count) as is_unusual,
    -- Each step may be small enough for nobody to be chance, and all of them together not.
    compared.night_count = 0
    and coalesce(usual_night.usual_night_count > 3 * sqrt(usual_night.usual_night_count), false) as is_empty
from compared
cross join night
cross join lapsed
left join usual_night on true
