-- One row per layer of those who have lapsed: the untouched chance to return, and the members there are.
with

lapsed as (

    select
        user_id,
        line_id,
        last_key_date,
        layer_code,
        return_rate_untouched
    from marts.fct_worth_anchors

),

layers as (

    select
        layer_code,
        count(*) as lapsed_count,
        avg(return_rate_untouched) as return_rate
    from lapsed
    group by layer_code

),

audience as (

    select
        lapsed.layer_code,
        count(*) as member_count,
        avg(lapsed.return_rate_untouched) as return_rate
    from audiences.aud_recall_members as members
    inner join lapsed
        on
            members.user_id = lapsed.user_id
            and members.line_id = lapsed.line_id
            and members.last_key_date = lapsed.last_key_date
    where
        members.selected_date = cast(%(as_of_date)s as date) + 1
        and not members.is_global_holdout
        and (cast(%(campaign_id)s as text) is null or members.campaign_id = %(campaign_id)s)
    group by lapsed.layer_code

),

-- A campaign's members come in once each; of no campaign in particular, whoever came into any of ours.
newcomers as (

    select
        layer_code,
        count(*) as member_count,
        least(
            cast(%(as_of_date)s as date) - min(min(assigned_date)) over () + 1, cast(%(days)s as integer)
        ) as day_count
    from outcomes.out_recalled_users
    where
        campaign_id = coalesce(cast(%(campaign_id)s as text), 'all')
        and layer_code is not null
        and not (campaign_id = 'all' and is_control)
        and assigned_date > cast(%(as_of_date)s as date) - cast(%(days)s as integer)
        and window_days = (
            select min(window_days)
            from outcomes.out_recalled_users
            where campaign_id = coalesce(cast(%(campaign_id)s as text), 'all')
        )
    group by layer_code

)

select
    layers.layer_code,
    cast(layers.lapsed_count as bigint) as lapsed_count,
    cast(coalesce(audience.return_rate, layers.return_rate) as double precision) as return_rate,
    coalesce(audience.member_count, 0) as member_count,
    cast(newcomers.member_count as double precision) / newcomers.day_count as members_per_day
from layers
left join audience
    on layers.layer_code = audience.layer_code
left join newcomers
    on layers.layer_code = newcomers.layer_code
order by layers.layer_code
