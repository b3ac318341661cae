{#-
    Rolling contact caps: within window_days, the day selected for included, a person gets at most max_count messages in
    the channel, or in all channels together where the channel is `*`.
-#}
{% macro contact_caps_in_force() %}
    {{ set_in_force('contact_caps', ['channel', 'window_days', 'max_count']) }}
{% endmacro %}


{# The caps that hold for the candidates of each current campaign: those of everybody, and its own. #}
{% macro contact_caps_of_campaigns() %}
    select
        campaigns.campaign_id,
        campaigns.campaign_version,
        coalesce(caps.channel, '*') as channel,
        caps.window_days,
        caps.max_count
    from {{ source('definitions', 'campaigns') }} as campaigns
    cross join ({{ contact_caps_in_force() }}) as caps
    where campaigns.is_current

    union all

    select
        campaigns.campaign_id,
        campaigns.campaign_version,
        coalesce(caps.channel, '*') as channel,
        caps.window_days,
        caps.max_count
    from {{ source('definitions', 'campaigns') }} as campaigns
    inner join {{ source('definitions', 'campaign_caps') }} as caps
        on
            campaigns.campaign_id = caps.campaign_id
            and campaigns.campaign_version = caps.campaign_version
    where campaigns.is_current
{% endmacro %}


{#- Whether a cap of some channel, or of all, is about a channel. -#}
{% macro is_capped_channel(cap_channel, channel) -%}
    {{ cap_channel }} in ('*', {{ channel }})
{%- endmacro %}


{#- Whether something that was selected for a day falls into the days that a cap counts tonight, of earlier nights. -#}
{% macro is_in_cap_window(earlier_date, window_days) -%}
    (
        {{ earlier_date }} < {{ selected_date() }}
        and {{ earlier_date }} > {{ add_days(selected_date(), '-' ~ window_days) }}
    )
{%- endmacro %}
