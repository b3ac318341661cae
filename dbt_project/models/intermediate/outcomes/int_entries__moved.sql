-- One row per campaign and person whose entry is another one than the served outcomes have: new, gone, drawn or paid
-- for otherwise, or aimed at an episode whose layer or reason may be another one now.
{{ config(materialized='ephemeral') }}

with

entries as (

    select
        campaign_id,
        person_id,
        user_id,
        arm_code,
        variant_code,
        is_control,
        channel,
        offer_code,
        comparison_code,
        assigned_at,
        kind_code,
        cost_amount,
        unknown_cost_count
    from {{ ref('int_entries__costed') }}

),

served_entries as (

    select
        campaign_id,
        person_id,
        user_id,
        arm_code,
        variant_code,
        is_control,
        channel,
        offer_code,
        comparison_code,
        assigned_at,
        assigned_date,
        line_id,
        last_key_date,
        reason_code,
        kind_code,
        cost_amount,
        unknown_cost_count
    from {{ yesterday('out_recalled_users') }}
    where is_campaign_window

),

-- Windows of a campaign that are not those of its served rows; the sums of effects have them in few rows.
windows as (

    select
        campaign_id,
        window_days,
        is_campaign_window,
        1 as weight
    from {{ ref('int_campaign_windows__listed') }}

    union all

    select
        campaign_id,
        window_days,
        is_campaign_window,
        -1 as weight
    from {{ yesterday('int_effect_cells') }}
    group by
        campaign_id,
        window_days,
        is_campaign_window

),

unequal_windows as (

    select campaign_id
    from windows
    group by
        campaign_id,
        window_days,
        is_campaign_window
    having sum(weight) <> 0

),

changed_campaigns as (

    select campaign_id
    from unequal_windows
    group by campaign_id

),

profiles as (

    select
        profiles.user_id,
        profiles.line_id,
        profiles.last_key_date,
        profiles.reason_code
    from {{ ref('int_episode_profiles') }} as profiles
    inner join {{ ref('int_users__profiled') }} as profiled_users
        on profiles.user_id = profiled_users.user_id

),

line_visits as (

    select
        coalesce(now_lines.line_id, served_lines.line_id) as line_id,
        least(now_lines.first_visit_date, served_lines.first_visit_date) as from_date,
        case
            when now_lines.line_id is not null and served_lines.line_id is not null
                then greatest(now_lines.first_visit_date, served_lines.first_visit_date)
        end as to_date
    from {{ ref('int_outcome_lines__delta') }} as now_lines
    full join {{ yesterday('int_outcome_lines') }} as served_lines
        on now_lines.line_id = served_lines.line_id
    where
        now_lines.line_id is null
        or served_lines.line_id is null
        or now_lines.first_visit_date <> served_lines.first_visit_date

),

unequal_entries as (

    select
        coalesce(entries.campaign_id, served_entries.campaign_id) as campaign_id,
        coalesce(entries.person_id, served_entries.person_id) as person_id
    from entries
    full join served_entries
        on
            entries.campaign_id = served_entries.campaign_id
            and entries.person_id = served_entries.person_id
    where
        entries.person_id is null
        or served_entries.person_id is null
        or entries.user_id <> served_entries.user_id
        or entries.arm_code <> served_entries.arm_code
        or entries.is_control <> served_entries.is_control
        or entries.comparison_code <> served_entries.comparison_code
        or entries.assigned_at <> served_entries.assigned_at
        or entries.kind_code <> served_entries.kind_code
        or entries.unknown_cost_count <> served_entries.unknown_cost_count
        or coalesce(entries.variant_code, '') <> coalesce(served_entries.variant_code, '')
        or coalesce(entries.channel, '') <> coalesce(served_entries.channel, '')
        or coalesce(entries.offer_code, '') <> coalesce(served_entries.offer_code, '')
        or coalesce(entries.cost_amount, -1) <> coalesce(served_entries.cost_amount, -1)

),

final as (

    select
        campaign_id,
        person_id
    from unequal_entries

    union

    select
        served_entries.campaign_id,
        served_entries.person_id
    from served_entries
    inner join changed_campaigns
        on served_entries.campaign_id = changed_campaigns.campaign_id

    union

    select
        served_entries.campaign_id,
        served_entries.person_id
    from served_entries
    inner join profiles
        on
            served_entries.user_id = profiles.user_id
            and served_entries.line_id = profiles.line_id
            and served_entries.last_key_date = profiles.last_key_date
    where coalesce(served_entries.reason_code, '') <> coalesce(profiles.reason_code, '')

    union

    -- A layer is that of the evening before the assignment.
    select
        served_entries.campaign_id,
        served_entries.person_id
    from served_entries
    inner join line_visits
        on
            served_entries.line_id = line_visits.line_id
            and served_entries.assigned_date > line_visits.from_date
            and (line_visits.to_date is null or served_entries.assigned_date <= line_visits.to_date)

)

select
    campaign_id,
    person_id
from final
