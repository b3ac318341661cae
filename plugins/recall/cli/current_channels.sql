-- The channels that current campaigns use, each with the way of delivery in force today or first to come.
select distinct on (choices.channel)
    choices.channel,
    channels.delivery_code
from definitions.campaign_arms as arms
inner join definitions.campaigns as campaigns
    on
        arms.campaign_id = campaigns.campaign_id
        and arms.campaign_version = campaigns.campaign_version
        and campaigns.is_current
inner join definitions.campaign_choices as choices
    on
        arms.campaign_id = choices.campaign_id
        and arms.campaign_version = choices.campaign_version
        and arms.arm_code = choices.arm_code
inner join definitions.channels as channels
    on choices.channel = channels.channel
where arms.weight > 0
order by choices.channel asc, channels.valid_from desc
