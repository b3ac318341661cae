-- One row per acquisition channel and month whose figures changed since the build before, where a reason depends on
-- them: before or after, all conditions that some rule puts on channels hold.
{{ config(post_hook='{{ analyze(this) }}') }}

with

changed_figures as (

    select
        coalesce(figures.acquisition_channel, earlier_figures.acquisition_channel) as acquisition_channel,
        coalesce(figures.month, earlier_figures.month) as month,
        figures.retention_ratio,
        figures.user_count,
        earlier_figures.retention_ratio as earlier_retention_ratio,
        earlier_figures.user_count as earlier_user_count
    from {{ ref('int_channel_retention__delta') }} as figures
    full join {{ yesterday('int_channel_retention') }} as earlier_figures
        on
            figures.acquisition_channel = earlier_figures.acquisition_channel
            and figures.month = earlier_figures.month
    where
        figures.month is null
        or earlier_figures.month is null
        or figures.user_count <> earlier_figures.user_count
        or figures.retention_rate <> earlier_figures.retention_rate
        or figures.all_retention_rate <> earlier_figures.all_retention_rate
        or coalesce(figures.retention_ratio, -1) <> coalesce(earlier_figures.retention_ratio, -1)

),

versions as (

    select
        acquisition_channel,
        month,
        1 as version_number,
        retention_ratio,
        user_count
    from changed_figures

    union all

    select
        acquisition_channel,
        month,
        2 as version_number,
        earlier_retention_ratio as retention_ratio,
        earlier_user_count as user_count
    from changed_figures

),

rules as (

    select
        reason_code,
        rule_number,
        signal_code,
        minimum,
        maximum
    from ({{ reason_rules_in_force() }}) as reason_rules
    where signal_code in ('channel_retention_ratio', 'channel_user_count')

),

conditions as (

    select
        versions.acquisition_channel,
        versions.month,
        versions.version_number,
        rules.reason_code,
        rules.rule_number,
        rules.minimum,
        rules.maximum,
        case rules.signal_code
            when 'channel_retention_ratio' then versions.retention_ratio
            when 'channel_user_count' then versions.user_count
        end as signal_value
    from versions
    cross join rules

),

held_rules as (

    select
        acquisition_channel,
        month
    from conditions
    group by
        acquisition_channel,
        month,
        version_number,
        reason_code,
        rule_number
    having min(case when {{ is_condition_met('signal_value', 'minimum', 'maximum') }} then 1 else 0 end) = 1

)

select
    acquisition_channel,
    month
from held_rules
group by
    acquisition_channel,
    month
