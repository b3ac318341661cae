-- One row per layer and action (offer x channel) that it can be offered: costs, and the lift expected before measuring.
with

layers as (

    {{ layers_in_force() }}

),

offers as (

    {{ offers_in_force() }}

),

priors as (

    {{ action_priors_in_force() }}

),

channels as (

    {{ channels_in_force() }}

),

-- The amounts of an offer in a layer are those of the greatest score that the layer begins at or above.
ranked_tiers as (

    select
        layers.layer_code,
        offers.offer_code,
        offers.ladder_rank,
        offers.is_reward,
        offers.threshold_amount,
        offers.reward_amount,
        offers.reward_cost_amount,
        offers.contact_cost_amount,
        row_number() over (
            partition by layers.layer_code, offers.offer_code
            order by offers.min_layer_score desc
        ) as tier_rank
    from layers
    inner join offers
        on layers.lower_edge >= offers.min_layer_score

),

-- A prior for the layer goes before one for every layer.
ranked_priors as (

    select
        layers.layer_code,
        priors.offer_code,
        priors.channel,
        priors.prior_lift,
        row_number() over (
            partition by layers.layer_code, priors.offer_code, priors.channel
            order by case when priors.layer_code is null then 1 else 0 end
        ) as prior_rank
    from layers
    inner join priors
        on coalesce(priors.layer_code, layers.layer_code) = layers.layer_code

),

final as (

    select
        tiers.layer_code,
        {{ action_code('tiers.offer_code', 'channels.channel') }} as action_code,
        tiers.offer_code,
        channels.channel,
        row_number() over (
            partition by tiers.layer_code
            order by
                case when tiers.ladder_rank is null then 1 else 0 end,
                tiers.ladder_rank,
                tiers.offer_code,
                channels.channel
        ) as action_rank,
        tiers.is_reward,
        tiers.threshold_amount,
        tiers.reward_amount,
        tiers.reward_cost_amount,
        tiers.contact_cost_amount + channels.unit_cost_amount as contact_cost_amount,
        priors.prior_lift as lift_prior
    from ranked_tiers as tiers
    inner join ranked_priors as priors
        on
            tiers.layer_code = priors.layer_code
            and tiers.offer_code = priors.offer_code
            and priors.prior_rank = 1
    inner join channels
        on priors.channel = channels.channel
    where
        tiers.tier_rank = 1
        and channels.may_carry_marketing

)

select
    layer_code,
    action_code,
    offer_code,
    channel,
    cast(action_rank as integer) as action_rank,
    is_reward,
    threshold_amount,
    reward_amount,
    reward_cost_amount,
    contact_cost_amount,
    lift_prior
from final
