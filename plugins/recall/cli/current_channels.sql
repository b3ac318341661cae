-- The channels that current campaigns use, each with the way of delivery in force today or first to come.
select distinct on (arms.channel)
    arms.channel,
    channels.delivery_code
from definitions.campaign_arms as arms
inner join definitions.campaigns as campaigns
    on
        arms.campaign_id = campaigns.campaign_id
        and arms.campaign_version = campaigns.campaign_version
        and campaigns.is_current
inner join definitions.channels as channels
    on arms.channel = channels.channel
where arms.weight > 0
order by arms.channel asc, channels.valid_from desc
