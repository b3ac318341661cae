-- One row per campaign, ours and imported ones: recalled N, caused M, earned P, over the campaign's own window.
with

entries as (

    select
        recalled_users.campaign_id,
        min(recalled_users.assigned_date) as first_date,
        sum(case when recalled_users.is_control then 0 else 1 end) as assigned_count,
        sum(case when recalled_users.is_control then 1 else 0 end) as held_out_count
    from outcomes.out_recalled_users as recalled_users
    inner join outcomes.out_campaign_profit as profit
        on
            recalled_users.campaign_id = profit.campaign_id
            and recalled_users.window_days = profit.window_days
    group by recalled_users.campaign_id

),

-- An imported campaign has no steps of its own: all of it is step 0.
imported as (

    select campaign_id
    from outcomes.out_campaign_steps
    where step_number = 0
    group by campaign_id

),

listed as (

    select
        profit.campaign_id,
        case
            when profit.campaign_id = 'all' then 'program'
            when imported.campaign_id is not null then 'imported'
            else 'own'
        end as kind_code,
        entries.first_date,
        entries.assigned_count,
        entries.held_out_count,
        profit.window_days,
        profit.treated_count,
        profit.control_count,
        profit.immature_count,
        profit.recalled_count,
        profit.caused_count,
        profit.caused_low,
        profit.caused_high,
        profit.caused_not_estimable_reason,
        profit.last_touch_count,
        profit.last_touch_amount,
        profit.cost_amount,
        profit.incremental_contribution_amount,
        profit.incremental_profit_amount,
        profit.incremental_profit_low,
        profit.incremental_profit_high,
        profit.roi,
        profit.roi_low,
        profit.roi_high,
        profit.cost_per_caused_amount,
        profit.profit_not_estimable_reason,
        profit.is_approximate,
        profit.mismatch_p,
        coalesce(profit.profit_not_estimable_reason = 'arms are not as large as they were drawn', false) as is_mismatched
    from outcomes.out_campaign_profit as profit
    inner join entries
        on profit.campaign_id = entries.campaign_id
    left join imported
        on profit.campaign_id = imported.campaign_id

)

select
    listed.*,
    row_number() over (
        order by
            case listed.kind_code when 'program' then 1 when 'own' then 2 else 3 end,
            listed.first_date desc,
            listed.campaign_id
    ) as campaign_rank
from listed
order by campaign_rank
